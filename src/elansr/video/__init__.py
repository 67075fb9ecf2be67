"""Upscales videos and keeps frame times, audio, subtitles and metadata.

frame_pipeline.py   the pipeline and its threads: decoding, the network, encoding
video_file.py   properties of a file, and its frames in RGB with their times
frames.py       YUV to RGB and back, and display matrices
encoding.py     codecs and their settings; pictures to packets
views.py        captions, 3D and 360-degree marks
segments.py     finished segments on disk, from which an interrupted run continues
containers.py   what containers can hold, and copied streams
muxing.py       the result: joined segments, copied audio, subtitles and other streams
mp4_boxes.py    what FFmpeg does not write into an MP4
libav.py        PyAV and its errors
"""

from elansr.video.containers import CONTAINERS
from elansr.video.encoding import Encoding
from elansr.video.frame_pipeline import VideoResult, choose_weights, upscale_video
from elansr.video.video_file import VideoFile

__all__ = ["CONTAINERS", "Encoding", "VideoFile", "VideoResult", "choose_weights", "upscale_video"]
