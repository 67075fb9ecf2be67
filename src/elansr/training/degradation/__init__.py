"""Blind degradation: LR as photos are, made at random from HR, by the ranges of a `DegradationRecipe`."""

from elansr.training.degradation.degrade import BORDER, degrade, degrade_crops, degrade_pictures
from elansr.training.degradation.recipe import DegradationRecipe

__all__ = ["BORDER", "DegradationRecipe", "degrade", "degrade_crops", "degrade_pictures"]
