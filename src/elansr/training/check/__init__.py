"""What is wrong with a training set: `check_data` looks at every picture, alone and beside the others."""

from elansr.training.check.check_data import CheckProgress, DataCheck, check_data
from elansr.training.check.picture import KINDS, Finding, PictureMeasures

__all__ = ["KINDS", "CheckProgress", "DataCheck", "Finding", "PictureMeasures", "check_data"]
