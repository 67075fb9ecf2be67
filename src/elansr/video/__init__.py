"""Upscales videos: every frame at its own time, with everything else that the file holds.

upscale.py      the whole of it, and its threads: decoding, the network, encoding
video_file.py   what a file holds, and its frames in RGB with their times
frames.py       YUV to RGB and back, and display matrices
encoding.py     codecs and their settings; pictures to packets
views.py        captions, 3D and 360-degree marks
segments.py     finished parts, beside the target, from which an interrupted run continues
containers.py   what fits into which file, and the streams that are copied
muxing.py       the result: the segments joined; audio, subtitles and everything else copied
mp4_boxes.py    what FFmpeg does not write into an MP4
libav.py        PyAV and its errors
"""

from elansr.video.containers import CONTAINERS
from elansr.video.encoding import Encoding
from elansr.video.upscale import VideoResult, choose_weights, upscale_video
from elansr.video.video_file import VideoFile

__all__ = ["CONTAINERS", "Encoding", "VideoFile", "VideoResult", "choose_weights", "upscale_video"]
