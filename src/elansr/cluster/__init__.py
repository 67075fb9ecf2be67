"""`elansr batch`: upscales the pictures of a folder or bucket on a Ray cluster, each once.

run.py           a run from its settings to its manifest
settings.py      what holds for every picture
sources.py       the work list
storage.py       folders, buckets and URLs
ray_cluster.py   workers, and what each of them is given
worker.py        a worker's pictures, retried after a worker died, but not for ever
strips.py        one large picture on several workers
manifest.py      one row per picture, from which a run continues
lock.py          one run at a time for an output
"""

from importlib.util import find_spec

from elansr.errors import MissingExtraError

if missing := [name for name in ("ray", "fsspec", "pyarrow") if find_spec(name) is None]:
    raise MissingExtraError(f"elansr batch needs {', '.join(missing)}: pip install '.[ray]' in elansr's folder")
