"""Upscaling a video: every frame at its own time, with all else that the file holds.

upscale      the whole of it
reading      what a file holds, and its frames in RGB: `about` and `copies` look at it before the work
pipeline     the threads: decoding, the network, encoding
encoding     RGB to YUV to packets; `colors`, `orientation` and `containers` know what is lost on the way, and where
segments     finished parts, beside the target, so that an interrupted run goes on with the first unfinished one
muxing       the result: the segments joined, and everything else copied
libav        PyAV, and its errors in our words
"""
