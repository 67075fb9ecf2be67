"""Weights: finds, reads and writes weights files.

    load.py        the one loader: a released name, or a file of any layout; `elansr info`, `elansr convert`
    released.py    the table of released weights; a name becomes a path
    weights_file.py   our own format: safetensors with the config and the provenance in its metadata
    foreign.py     the files of other projects; foreign_keys.py, mean_shift.py: parameter names and the mean shift
    contents.py    what is in a file, checked
    inference.py   the network folded for inference, which every engine and exporter is made from
    interpolation.py  weights between those for clean pictures and others
    provenance.py  the record of where weights come from; the model card
    hub.py         folders and the Hugging Face Hub

No module here imports PyTorch by itself: only networks, `.pth` and `.pt` files need it.
"""
