import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def exiftool() -> Iterator[Callable[[Path], dict[str, Any]]]:
    """What ExifTool, started once, says about a file: {"IPTC:Keywords": [...]}, with numbers as numbers."""
    if not shutil.which("exiftool"):
        pytest.skip("needs exiftool (Debian: libimage-exiftool-perl)")
    command = ["exiftool", "-stay_open", "True", "-@", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def told(path: Path) -> dict[str, Any]:
            for word in ("-j", "-G1", "-n", "-a", "-b", path, "-execute"):
                process.stdin.write(f"{word}\n".encode())
            process.stdin.flush()
            tags: dict[str, Any] = json.loads(b"".join(iter(process.stdout.readline, b"{ready}\n")))[0]
            return tags

        yield told
        process.stdin.write(b"-stay_open\nFalse\n")
