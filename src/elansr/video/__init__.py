"""Upscaling a video: every frame at its own time, with all else that the file holds.

upscale     the whole of it, and its threads: decoding, the network, encoding
reading     what a file holds, and its frames in RGB with their times
frames      YUV to RGB and back, and display matrices
encoding    codecs and their settings; pictures to packets
segments    finished parts, beside the target, so that an interrupted run goes on with the first unfinished one
containers  what fits into which file, and the streams that are copied
muxing      the result: the segments joined, and everything else copied
libav       PyAV, and its errors in our words
"""

from elansr.video.containers import CONTAINERS
from elansr.video.encoding import Encoding
from elansr.video.upscale import VideoResult, choose_weights, upscale_video
from elansr.video.video_file import VideoFile

__all__ = ["CONTAINERS", "Encoding", "VideoFile", "VideoResult", "choose_weights", "upscale_video"]
