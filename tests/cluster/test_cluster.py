"""A cluster of two nodes on this machine, workers that are killed, and what is there in the end."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import ray
from ray import cloudpickle

from elansr.cluster import run as cluster
from elansr.cluster.manifest import ManifestRow
from elansr.cluster.ray_cluster import Resources
from elansr.cluster.settings import Settings
from elansr.cluster.worker import Worker
from tests.command_line import Ended

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

DEADLINE = 300
"""Seconds: generous, for machines that have other things to do."""


class Fragile(Worker):
    """A worker that a picture can end, as a decoder that crashes would."""

    def fetched(self, item: object, file: Path) -> bytes | None:
        if getattr(item, "key", "") == "poison.png":
            os._exit(11)
        return super().fetched(item, file)  # type: ignore[arg-type]


class Patient(Worker):
    """A worker that has the last picture of a chunk only when somebody has heard of the first."""

    def fetched(self, item: object, file: Path) -> bytes | None:
        if getattr(item, "key", "") == "last.png":
            end = time.monotonic() + DEADLINE
            while not Path(self.output.path("heard")).exists():
                assert time.monotonic() < end, "nothing was heard of the first picture"
                time.sleep(0.05)
        return super().fetched(item, file)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def nodes() -> Iterator[str]:
    """The address of a cluster of two nodes with a core each."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("RAY_worker_niceness", "0")
        environment.setenv("PYTHONPATH", str(Path(cluster.__file__).parents[2]))
        head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 2**27}
        started = Cluster(initialize_head=True, head_node_args=head)
        started.add_node(num_cpus=1, object_store_memory=2**27)
        yield started.address
        started.shutdown()


def manifest(output: Path) -> list[dict[str, object]]:
    return list(pq.read_table(output / "manifest.parquet").to_pylist())


def kill_a_worker(output: Path, killed: list[int]) -> None:
    """Waits for the first rows and ends the process that wrote them."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end and not killed:
        for part in (output / "_elansr/parts").glob("*.parquet"):
            worker = pq.read_table(part).column("worker")[0].as_py()
            os.kill(worker, signal.SIGKILL)
            killed.append(worker)
            return
        time.sleep(0.02)


def test_a_killed_worker_and_poison_lose_and_double_nothing(
    nodes: str,
    pictures: Callable[..., Path],
    served: Callable[[Path], str],
    call: Callable[..., Ended],
    weights: dict[int, Path],
    tmp_path: Path,
) -> None:
    folder, output = pictures(16), tmp_path / "out"
    call("upscale", folder, "-r", "-o", tmp_path / "expected", "-n", weights[2])
    (folder / "poison.png").write_bytes((folder / "01.png").read_bytes())
    (folder / "truncated.png").write_bytes((folder / "01.png").read_bytes()[:300])
    settings = Settings(model=str(weights[2]), device="cpu")
    plan = cluster.plan(served(folder), str(output), settings)
    assert len(plan.missing) == plan.total == 18

    cloudpickle.register_pickle_by_value(__import__(__name__, fromlist=["Fragile"]))
    killed: list[int] = []
    killer = threading.Thread(target=kill_a_worker, args=(output, killed))
    killer.start()
    rows: list[ManifestRow] = list(cluster.run(plan, nodes, worker=Fragile))
    killer.join()
    assert len(killed) == 1, "a worker was killed in the middle"
    assert not ray.is_initialized()

    assert sorted(row.key for row in rows) == sorted(item.key for item in plan.missing)
    found = manifest(output)
    assert len({row["key"] for row in found}) == len(found) == 18
    failed = {row["key"]: str(row["error"]) for row in found if row["status"] == "failed"}
    assert set(failed) == {"poison.png", "truncated.png"}
    assert "poison.png: killed its worker 2 times" in failed["poison.png"]
    assert "truncated" in failed["truncated.png"]
    assert len({row["worker"] for row in found}) >= 3
    names = [path.relative_to(output).as_posix() for path in output.rglob("*.png")]
    expected = sorted((tmp_path / "expected").rglob("*.png"))
    assert sorted(names) == sorted(path.relative_to(tmp_path / "expected").as_posix() for path in expected)
    for path in expected:
        assert (output / path.relative_to(tmp_path / "expected")).read_bytes() == path.read_bytes(), path.name

    again = cluster.plan(plan.source.given, str(output), settings)
    assert (again.missing, again.there, len(again.failed)) == ((), 16, 2)
    before = (output / "manifest.parquet").read_bytes()
    assert list(cluster.run(again, "127.0.0.1:1")) == [], "no cluster is asked for"
    assert (output / "manifest.parquet").read_bytes() == before


def test_each_picture_is_told_when_it_is_through(
    nodes: str, pictures: Callable[..., Path], weights: dict[int, Path], tmp_path: Path
) -> None:
    folder, output = pictures(16), tmp_path / "out"
    for path in (folder / "sub folder").iterdir():
        path.rename(folder / path.name)
    (folder / "15.png").rename(folder / "last.png")
    plan = cluster.plan(str(folder), str(output), Settings(model=str(weights[2]), device="cpu"))
    cloudpickle.register_pickle_by_value(__import__(__name__, fromlist=["Patient"]))
    found = []
    for row in cluster.run(plan, nodes, Resources(workers=1), worker=Patient):
        found.append(row.key)
        if row.key == "12.png":  # the first of four in the chunk of the last
            (output / "heard").touch()
    assert sorted(found) == sorted(item.key for item in plan.missing)
    assert [row["status"] for row in manifest(output)] == ["upscaled"] * 16
