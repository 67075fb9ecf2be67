"""How files say they are compressed, on files that Pillow wrote."""

from pathlib import Path

import pytest
from PIL import Image

from elansr.errors import PictureError
from elansr.training.check.files import Storage, storage_of
from tests.training.photos import city

PICTURE = Image.fromarray(city()[:64, :64])


@pytest.mark.parametrize("quality", [1, 10, 30, 50, 75, 90, 95, 100])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_quality_of_a_jpeg(tmp_path: Path, quality: int, mode: str) -> None:
    PICTURE.convert(mode).save(tmp_path / "a.jpg", quality=quality)
    assert storage_of(tmp_path / "a.jpg") == Storage("jpeg", lossy=True, quality=quality)


def test_tables_of_another_program_get_the_nearest_quality(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "a.jpg", qtables=[[4] * 64, [6] * 64])
    assert storage_of(tmp_path / "a.jpg").quality == 94


def test_webp_and_png(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "a.webp", quality=80)
    PICTURE.save(tmp_path / "b.webp", lossless=True)
    PICTURE.save(tmp_path / "c.png")
    PICTURE.save(tmp_path / "jpeg.png", format="JPEG", quality=40)
    assert storage_of(tmp_path / "a.webp") == Storage("webp", lossy=True, quality=None)
    assert storage_of(tmp_path / "b.webp") == Storage("webp", lossy=False, quality=None)
    assert storage_of(tmp_path / "c.png") == Storage("png", lossy=False, quality=None)
    assert storage_of(tmp_path / "jpeg.png") == Storage("jpeg", lossy=True, quality=40)


def test_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(PictureError, match="not a picture elansr knows"):
        storage_of(tmp_path / "a.png")
