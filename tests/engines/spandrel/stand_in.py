"""A torchvision for the import of spandrel, and nothing else.

`import spandrel` imports every architecture it knows, and two of them (LaMa, RestoreFormer) take three names from
torchvision as they are imported. torchvision's wheels fit the torch of one build only, so CI installs spandrel without
it. Users' programs have it. No test runs one of those two networks: the names refuse to be called.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import NoReturn

NAMES = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")


def refuse(*arguments: object, **named: object) -> NoReturn:
    raise NotImplementedError("this is not torchvision")


@contextmanager
def torchvision_stand_in() -> Iterator[None]:
    """There is something to import as torchvision while this lasts; does nothing where torchvision is installed."""
    if find_spec("torchvision") is not None:
        yield
        return
    modules = {name: ModuleType(name) for name in NAMES}
    functional = modules[NAMES[-1]]
    functional.InterpolationMode, functional.rotate, functional.normalize = object, refuse, refuse
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in NAMES:
            del sys.modules[name]
