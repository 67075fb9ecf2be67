"""ELAN on a CPU in native code.

native_engine.py   the whole network, from a picture to a picture
native_calls.py    its steps as calls of the library; weights packed for them
bindings.py        the library itself: found, opened, its structures
training/          layers with gradients
source/            C++: `infer` and `train`, and what both have in `common`
"""
