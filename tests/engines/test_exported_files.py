"""Exported files through the tiler: any size, in tiles, in groups, in rows; and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elansr
from elansr.engines.exported import ExportMetadata, FileEngine, choose, open_exported
from elansr.errors import ConfigError, DeviceError, ElansrError, WeightsError
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.upscaling import TiledNetwork, Upscaler
from elansr.weights.provenance import Provenance
from elansr.weights.weights_file import save

pytest.importorskip("onnx", reason="needs the extra export")
pytest.importorskip("onnxruntime", reason="needs the extra export")
pytest.importorskip("openvino", reason="needs the extra export")

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def network() -> ELAN:
    torch.manual_seed(0)
    return ELAN(ELANConfig(scale=2, channels=12, blocks=4, n_share=1)).eval()


@pytest.fixture(scope="module")
def files(network: ELAN, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of open size, closed: "onnx" and "openvino"; cyclic; and of one size, 112 high and 128 wide."""
    from elansr.export import export

    folder = tmp_path_factory.mktemp("exported")
    weights = folder / "tiny.safetensors"
    save(network, weights, Provenance(name="tiny"))
    export(str(weights), folder / "m.onnx")
    export(str(weights), folder / "m.xml", "openvino")
    export(str(weights), folder / "cyclic.onnx", closed=False)
    export(str(weights), folder / "one.onnx", size=(112, 128))
    return {
        "weights": weights,
        "onnx": folder / "m.onnx",
        "openvino": folder / "m.xml",
        "cyclic": folder / "cyclic.onnx",
        "one": folder / "one.onnx",
    }


def photo(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), np.uint8)


def apart(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize(("engine", "size"), [("onnx", (96, 112)), ("openvino", (32, 64))])
def test_whole_windows_give_what_torch_gives(
    network: ELAN, files: dict[str, Path], engine: str, size: tuple[int, int]
) -> None:
    """In one tile and in several, of colours, grey and alpha."""
    plain = Upscaler(network, device="cpu", precision="fp32", tile=32)
    upscaler = elansr.load(files[engine], tile=32)
    assert (upscaler.scale, upscaler.precision, upscaler.config) == (2, "fp32", network.config)
    picture = photo(*size)
    for channels in (3, 1):
        assert apart(upscaler(picture[..., :channels]), plain(picture[..., :channels])) <= 1
    with_alpha = np.dstack([picture, photo(*size)[..., :1]])
    assert apart(upscaler(with_alpha), plain(with_alpha)) <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (17, 31)])
def test_odd_sizes_are_reflected_to_whole_windows(network: ELAN, files: dict[str, Path], size: tuple[int, int]) -> None:
    picture = photo(*size)
    frame = 16 if min(size) < 8 else 0  # tiny pictures get a margin
    framed = np.pad(picture, ((frame, frame), (frame, frame), (0, 0)), mode="reflect")
    framed = np.pad(framed, (*[(0, -side % 16) for side in framed.shape[:2]], (0, 0)), mode="reflect")
    whole = Upscaler(network, device="cpu", precision="fp32")(framed)
    expected = whole[2 * frame :, 2 * frame :][: 2 * size[0], : 2 * size[1]]
    assert apart(elansr.load(files["onnx"])(picture), expected) <= 1


def test_cyclic_borders_stay_so(network: ELAN, files: dict[str, Path]) -> None:
    picture = photo(33, 50)
    expected = Upscaler(network, device="cpu", precision="fp32", border="cyclic")(picture)
    assert apart(elansr.load(files["cyclic"], border="cyclic")(picture), expected) <= 1


def test_a_model_of_one_size_takes_a_picture_of_that_size_whole(network: ELAN, files: dict[str, Path]) -> None:
    exact = photo(112, 128)
    assert apart(elansr.load(files["one"])(exact), Upscaler(network, device="cpu", precision="fp32")(exact)) <= 1


@pytest.mark.parametrize("options", [{}, {"margin": 16}, {"margin": 20}, {"tta": True}, {"tile": 32}])
@pytest.mark.parametrize("size", [(112, 130), (200, 110), (1, 300), (5, 7)])
def test_a_model_of_one_size_takes_pictures_of_any(
    network: ELAN, options: dict[str, Any], size: tuple[int, int]
) -> None:
    """A network that repeats every pixel shows whether each tile is given, cut and put in its place rightly."""

    def repeated(x: np.ndarray) -> np.ndarray:
        assert x.shape == (1, 3, 112, 144)
        return x.repeat(2, 2).repeat(2, 3)

    exported = ExportMetadata("m", network.config, True, "fp32", (112, 144))
    upscaler = TiledNetwork(FileEngine(Path("m.onnx"), "cpu", exported, repeated), **options)
    picture = photo(*size)
    np.testing.assert_array_equal(upscaler(picture), picture.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("name", ["onnx", "one"])
def test_several_pictures_at_once(files: dict[str, Path], name: str) -> None:
    """As on a GPU: six planes in one tile."""
    engine = open_exported(files[name], "cpu")
    tiles = RNG.random((1, 6, 32, 48), np.float32)
    together = engine(tiles)
    assert together.shape == (1, 6, 64, 96)
    apart = together - np.concatenate([engine(tiles[:, :3]), engine(tiles[:, 3:])], 1)
    assert np.abs(apart).max() <= 1e-5
    upscaler, pictures = TiledNetwork(engine), [photo(20, 30), photo(20, 30)]
    for result, picture in zip(upscaler.many(pictures), pictures, strict=True):
        np.testing.assert_array_equal(result, upscaler(picture))


def test_rows_of_a_large_picture(files: dict[str, Path]) -> None:
    """The path of pictures that are larger than memory, and its mark."""
    upscaler, picture = TiledNetwork.open(files["onnx"], tile=32), photo(100, 48)
    strips = list(upscaler.strips([lambda a, b: picture[a:b]], (100, 48, 3), np.dtype(np.uint8), lambda done, of: None))
    np.testing.assert_array_equal(np.concatenate([strip.parts[0] for strip in strips]), upscaler(picture))
    prints = [TiledNetwork.open(files[name], border=border).fingerprint() for name, border in
              (("onnx", "closed"), ("openvino", "closed"), ("cyclic", "cyclic"))]  # type: ignore[arg-type]  # fmt: skip
    assert len({found["weights"] for found in prints}) == 3
    assert prints[0] == TiledNetwork.open(files["onnx"]).fingerprint()


@pytest.mark.parametrize(
    ("name", "options", "error", "complaint"),
    [
        ("onnx", {"precision": "bf16"}, ConfigError, "`precision`"),
        ("onnx", {"border": "cyclic"}, ConfigError, "`border=closed`"),
        ("cyclic", {}, ConfigError, "`border=cyclic`"),
        ("onnx", {"scale": 4}, WeightsError, "x4"),
        ("onnx", {"engine": "openvino"}, ConfigError, "`engine=onnx`"),
        ("onnx", {"engine": "torch"}, ConfigError, "`engine=onnx`"),
        ("onnx", {"engine": "tensorrt"}, ConfigError, "'tensorrt': must be auto, torch, onnx, openvino"),
        ("weights", {"engine": "onnx"}, ConfigError, "`elansr export"),
        ("openvino", {"device": "cuda"}, DeviceError, "'cuda'"),
        ("onnx", {"device": "gpu"}, DeviceError, "'gpu'"),
        ("one", {"tile": 64}, ConfigError, "`tile=64`: at most 48"),
    ],
)
def test_what_contradicts_the_file_is_refused(
    files: dict[str, Path], name: str, options: dict[str, Any], error: type[ElansrError], complaint: str
) -> None:
    with pytest.raises(error) as raised:
        elansr.load(files[name], **options)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


def test_files_that_are_none_of_ours(files: dict[str, Path], tmp_path: Path) -> None:
    import onnx

    model = onnx.load(files["onnx"])
    onnx.helper.set_model_props(model, {"other": "1"})
    onnx.save(model, tmp_path / "other.onnx")
    for name, content, complaint in (
        ("text.onnx", b"not a model", "text.onnx: "),
        ("text.xml", b"<net/>", "text.xml: "),
        ("empty.onnx", b"", "empty.onnx: "),
        ("other.onnx", None, "other.onnx: "),
        ("half.onnx", files["onnx"].read_bytes()[:-5000], "half.onnx: "),
        ("alone.xml", files["openvino"].read_bytes(), "alone.xml: "),
        ("missing.onnx", None, "missing.onnx: "),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError) as raised:
            elansr.load(tmp_path / name)
        assert complaint in str(raised.value)
        assert "\n" not in str(raised.value)
    with pytest.raises(ConfigError, match=r"model\.pt2: "):
        elansr.load(tmp_path / "model.pt2")


def test_a_file_that_gives_another_size_is_refused(network: ELAN) -> None:
    engine = FileEngine(Path("m.onnx"), "cpu", ExportMetadata("m", network.config, True, "fp32"), lambda x: x)
    with pytest.raises(DeviceError, match=r"16.*32"):
        engine(np.zeros((1, 3, 16, 16), np.float32))


def test_memory_that_runs_out_makes_smaller_tiles(network: ELAN) -> None:
    given: list[int] = []

    def infer(x: np.ndarray) -> np.ndarray:
        given.append(x.shape[2])
        if x.shape[2] > 100:
            raise Exception("Failed to allocate memory for requested buffer of size 1")
        return np.repeat(np.repeat(x, 2, axis=2), 2, axis=3)

    engine = FileEngine(Path("m.onnx"), "cpu", ExportMetadata("m", network.config, True, "fp32"), infer)
    picture = photo(128, 64)
    np.testing.assert_array_equal(TiledNetwork(engine, tile=128)(picture), picture.repeat(2, 0).repeat(2, 1))
    assert given[0] == 128
    assert max(given[1:]) <= 100


@pytest.mark.parametrize(
    ("model", "engine"), [("elan-light-x4", "torch"), ("./a.pth", "torch"), ("a.ONNX", "onnx"), ("a/b.xml", "openvino")]
)
def test_the_engine_goes_by_the_ending(model: str, engine: str) -> None:
    assert choose(model, "auto") == choose(Path(model), engine) == engine
