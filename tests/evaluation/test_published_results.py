"""The table of published results."""

import pytest

from elansr.evaluation.published_results import PICTURES, ROWS, SETS, published


def test_a_result_is_found_whatever_the_case_of_the_set() -> None:
    row = published("ELAN-light", 4, "set5")
    assert row is not None
    assert (row.source, row.psnr, row.ssim) == ("paper", 32.43, 0.8975)
    for name in ("B100", "b100", "BSD100", "bsds100"):
        row = published("ELAN", 3, name)
        assert row is not None
        assert (row.set_name, row.psnr, row.ssim) == ("B100", 29.38, 0.8124)
    row = published("SwinIR-light", 2, "MANGA109")
    assert row is not None
    assert (row.psnr, row.ssim) == (39.12, 0.9783)


@pytest.mark.parametrize("asked", [("ELAN-light", 5, "Set5"), ("ELAN-light", 4, "photos"), ("", 4, "Set5")])
def test_what_nobody_published_is_none(asked: tuple[str, int, str]) -> None:
    assert published(*asked) is None


def test_each_result_stands_once_and_can_be_true() -> None:
    keys = [(row.network, row.scale, row.set_name) for row in ROWS]
    assert len(set(keys)) == len(keys)
    assert set(PICTURES) == set(SETS)
    for row in ROWS:
        easier = published(row.network, row.scale - 1, row.set_name)
        assert easier is None or (easier.psnr > row.psnr and easier.ssim > row.ssim)
        assert row.psnr == round(row.psnr, row.decimals)
