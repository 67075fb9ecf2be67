"""What the numbers of pixels mean as colours.

icc.py           colour profiles
colour_tags.py   what a file says of its colours without a profile
cicp.py          the codes of H.273, and HDR to SDR
lab.py           CIELab of TIFF
luma.py          the Y that the metrics of super-resolution are measured on
"""
