"""Scores models on benchmark sets, and shows pictures side by side.

`evaluate` scores models under a protocol of the literature; `compare` brings files, and what models make of a photo, to
one size, for `write_comparison` (an HTML page with a slider) and `write_sheet` (a picture).

    metrics.py             PSNR, SSIM, consistency
    perceptual.py          LPIPS, DISTS, NIQE, by pyiqa
    datasets.py            the pictures of a set
    lr_check.py            whether LR files belong to their HR
    models.py              models that can be scored
    scoring.py             the protocols, and `evaluate`
    outputs.py             SR pictures and CSV
    published_results.py   published results
    comparison.py          `compare`
    crops.py               where pictures differ most
    preview.py             a part of a photo with all weights
    html_page.py, comparison_page.py, report_page.py, contact_sheet.py   pages and sheets
"""

from elansr.evaluation.comparison import ComparedPicture, Comparison, compare
from elansr.evaluation.comparison_page import check_size, write_comparison
from elansr.evaluation.contact_sheet import draw_text, line_height, write_sheet
from elansr.evaluation.crops import CropBox
from elansr.evaluation.datasets import RGB, BenchmarkSet, located, match_lr, on_white, read_rgb, require_room
from elansr.evaluation.metrics import consistency, psnr, psnr_y, ssim, ssim_y
from elansr.evaluation.models import BICUBIC, NAMES, Model, load_model
from elansr.evaluation.perceptual import MetricName
from elansr.evaluation.preview import preview
from elansr.evaluation.published_results import published
from elansr.evaluation.scoring import PROTOCOLS, Evaluation, Protocol, Score, SetScores, evaluate, measures

__all__ = [
    "BICUBIC",
    "NAMES",
    "PROTOCOLS",
    "RGB",
    "BenchmarkSet",
    "ComparedPicture",
    "Comparison",
    "CropBox",
    "Evaluation",
    "MetricName",
    "Model",
    "Protocol",
    "Score",
    "SetScores",
    "check_size",
    "compare",
    "consistency",
    "draw_text",
    "evaluate",
    "line_height",
    "load_model",
    "located",
    "match_lr",
    "measures",
    "on_white",
    "preview",
    "psnr",
    "psnr_y",
    "published",
    "read_rgb",
    "require_room",
    "ssim",
    "ssim_y",
    "write_comparison",
    "write_sheet",
]
