"""Finds problems in a training set: `check_data` looks at every picture, alone and beside the others.

data_set_check.py   the whole check
picture_faults.py   one picture: too small, flat, blurred, compressed
jpeg_grid.py        traces of JPEG in pixels
duplicates.py       pictures that are the same, or nearly
"""

from elansr.training.check.data_set_check import CheckProgress, DataCheck, check_data
from elansr.training.check.picture_faults import KINDS, Finding, PictureMeasures

__all__ = ["KINDS", "CheckProgress", "DataCheck", "Finding", "PictureMeasures", "check_data"]
