"""`torch.hub` finds the entry points of a clone, installed or not."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHILD = """
import sys
sys.path += {libraries!r}
import torch
assert "elansr" not in sys.modules
light = torch.hub.load({root!r}, "elan_light", source="local", scale=2)
picture = torch.rand(1, 3, 8, 8)
with torch.inference_mode():
    print(*light(picture).shape, light.training)
real = torch.hub.load({root!r}, "elan_light_real", source="local")
new = torch.hub.load({root!r}, "elan_light", source="local", scale=3, pretrained=False)
full = torch.hub.load({root!r}, "elan", source="local", scale=2)
print(real.config.scale, new.config.scale, new.training, sum(p.numel() for p in full.parameters()))
import elansr
print(elansr.__file__)
assert torch.equal(light.head.weight, elansr.load_network("elan-light-x2").head.weight)
assert not any(path.endswith("src") for path in sys.path)
for entry, options in (("elan", {{"pretrained": True}}), ("elan_light", {{"scale": "4"}})):
    try:
        torch.hub.load({root!r}, entry, source="local", **options)
    except elansr.ElansrError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """What the program above prints, run without the installed elansr: -E and -S leave out what finds it."""
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    program = CHILD.format(libraries=libraries, root=str(ROOT))
    command = [sys.executable, "-E", "-S", "-c", program]
    run = subprocess.run(command, cwd=ROOT.parent, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_networks_come_from_the_clone(lines: list[str]) -> None:
    assert lines[0] == "1 3 16 16 False"
    assert lines[1] == "4 3 True 8254092"
    assert Path(lines[2]) == ROOT / "src" / "elansr" / "__init__.py"


def test_weights_that_are_not_released_are_one_line(lines: list[str]) -> None:
    assert lines[3].startswith("elan: no weights of full ELAN are released, only elan-light-x2, ")
    assert lines[3].endswith("take elan_light() or elan_light_real(), or pretrained=False to train it")


def test_a_scale_in_text_is_one_line(lines: list[str]) -> None:
    assert lines[4:] == ["scale='4': must be a whole number, such as 4"]
