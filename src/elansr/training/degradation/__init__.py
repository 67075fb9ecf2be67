"""Blind degradation: LR as photos are, made at random from HR, by the ranges of a `DegradationRecipe`."""

from elansr.training.degradation.degrade import BORDER, degrade, degraded_crops, degraded_pictures
from elansr.training.degradation.recipe import DegradationRecipe

__all__ = ["BORDER", "DegradationRecipe", "degrade", "degraded_crops", "degraded_pictures"]
