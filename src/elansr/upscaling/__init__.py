"""Upscales pictures of any size: `Upscaler` takes arrays, `upscale_files` files.

public.py      `elansr.upscale`
fetch.py       addresses and streams -> temporary files
plan.py        file names -> jobs
pipeline.py    jobs -> results, overlapping
file_job.py    one file in memory; on_disk.py: larger than memory; unfinished_rows.py: resuming
choice.py      choice of weights; condition.py: noise and sharpness; final_size.py: size of the result
upscaler.py    the public class; tiled_network.py: the same for arrays and rows, for use inside elansr
rows.py        colour and alpha apart; tiling.py: tiles, halos, blending
exact_tones.py  flat and neutral areas; linear_light.py: linear samples
"""

from elansr.upscaling.choice import CLEAN, REAL, Choice, ChosenUpscaler, Evidence, Upscalers, weights_for
from elansr.upscaling.condition import Condition, measure
from elansr.upscaling.file_job import Existing, FileResult, Options, attempt, notes_on
from elansr.upscaling.final_size import MAX_FACTOR, SCALES, FinalSize, fit
from elansr.upscaling.pipeline import (
    Alone,
    DecodedFile,
    FileStages,
    OpenedFile,
    has_work,
    overlapped,
    settled,
    upscale_files,
)
from elansr.upscaling.plan import (
    FALLBACK_EXTENSION,
    Extension,
    InputFile,
    Job,
    find_files,
    is_single,
    plan_jobs,
    result_name,
)
from elansr.upscaling.public import Observer, upscale
from elansr.upscaling.rows import ResumePoint
from elansr.upscaling.tiled_network import Border, TiledNetwork
from elansr.upscaling.tiling import Axis, Network, Samples
from elansr.upscaling.upscaler import Upscaler, load

__all__ = [
    "CLEAN",
    "FALLBACK_EXTENSION",
    "MAX_FACTOR",
    "REAL",
    "SCALES",
    "Alone",
    "Axis",
    "Border",
    "Choice",
    "ChosenUpscaler",
    "Condition",
    "DecodedFile",
    "Evidence",
    "Existing",
    "Extension",
    "FileResult",
    "FileStages",
    "FinalSize",
    "InputFile",
    "Job",
    "Network",
    "Observer",
    "OpenedFile",
    "Options",
    "ResumePoint",
    "Samples",
    "TiledNetwork",
    "Upscaler",
    "Upscalers",
    "attempt",
    "find_files",
    "fit",
    "has_work",
    "is_single",
    "load",
    "measure",
    "notes_on",
    "overlapped",
    "plan_jobs",
    "result_name",
    "settled",
    "upscale",
    "upscale_files",
    "weights_for",
]
