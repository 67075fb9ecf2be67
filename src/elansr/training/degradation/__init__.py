"""Blind degradation: realistic LR, made at random from HR.

ranges.py       `DegradationRecipe`: every range that is drawn from
degrade.py      HR crops to LR crops
steps.py        blur, resizing, noise, JPEG: what each draws and does
resampling.py   resizing in PyTorch
jpeg.py         the loss of JPEG in PyTorch
"""

from elansr.training.degradation.degrade import BORDER, degrade, degrade_crops, degrade_pictures
from elansr.training.degradation.ranges import DegradationRecipe

__all__ = ["BORDER", "DegradationRecipe", "degrade", "degrade_crops", "degrade_pictures"]
