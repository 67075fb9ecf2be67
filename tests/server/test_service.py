"""`Service`: the same pictures as `elansr upscale`, within limits, in turn, withdrawn, late, and at the end."""

import gc
import io
import tempfile
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from elansr.errors import ConfigError, WeightsError
from elansr.server.limits import ExceededLimit, Limits, Rejected
from elansr.server.service import QueuedRequest, RequestOptions, RequestRecord, Service
from elansr.upscaling.final_size import FinalSize
from tests.command_line import Ended as Called
from tests.server.conftest import PATIENCE, Held

Serving = Callable[..., Service]
FileOf = Callable[..., bytes]


def refused(service: Service, data: bytes, name: str = "a.png", wanted: RequestOptions | None = None) -> Rejected:
    with pytest.raises(Rejected) as caught:
        service.submit(data, name, wanted or RequestOptions()).result()
    return caught.value


def no_longer(service: Service) -> None:
    """Waits until nothing is in work."""
    until = time.monotonic() + PATIENCE
    while service.waiting or service.in_work:
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("name", "kind", "wanted", "options"),
    [
        ("photo.jpg", "JPEG", RequestOptions(), ()),
        ("photo.JPG", "JPEG", RequestOptions(extension="png"), ("--ext", "png")),
        ("a b.webp", "WEBP", RequestOptions(quality=70), ("--quality", 70)),
        ("drawing.png", "PNG", RequestOptions(size=FinalSize(width=33)), ("--width", 33)),
        ("scan.tif", "TIFF", RequestOptions(size=FinalSize(outscale=1.5)), ("--outscale", 1.5)),
        ("wrong.png", "JPEG", RequestOptions(scale=2), ("-s", 2)),
        ("no_ending", "PNG", RequestOptions(), ()),
    ],
)
def test_the_bytes_and_the_name_are_those_of_elansr_upscale(
    name: str,
    kind: str,
    wanted: RequestOptions,
    options: tuple[object, ...],
    serving: Serving,
    file_of: FileOf,
    call: Callable[..., Called],
    weights: dict[int, Path],
    tmp_path: Path,
) -> None:
    data = file_of(kind, 40, 50)
    (tmp_path / name).write_bytes(data)
    command = ("-n", weights[2], "-t", 32, "--precision", "fp32", "-o", f"{tmp_path}/results/", *options)
    assert call("upscale", tmp_path / name, *command).code == 0
    [expected] = (tmp_path / "results").iterdir()
    result = serving().submit(data, name, wanted).result()
    assert (result.file_name, result.data) == (expected.name, expected.read_bytes())
    shown = Image.open(io.BytesIO(result.data))
    assert (result.width, result.height) == shown.size
    assert result.media_type == shown.get_format_mimetype()
    assert (result.model, result.reason, result.pixels) == ("tiny_x2", "", 2000)
    assert 0 < result.seconds < PATIENCE


def test_auto_chooses_as_elansr_upscale_does(serving: Serving, file_of: FileOf) -> None:
    service = serving("auto")
    png = service.submit(file_of("PNG", 4, 4), "a.png", RequestOptions(scale=3)).result()
    jpeg = service.submit(file_of("JPEG", 4, 4, quality=40), "a.jpg", RequestOptions(model="auto")).result()
    named = service.submit(file_of("JPEG", 4, 4), "a.jpg", RequestOptions("elan-light-x2")).result()
    assert (png.model, png.reason, png.width) == ("elan-light-x3", "lossless PNG", 12)
    assert (jpeg.model, jpeg.reason, jpeg.width) == ("elan-light-x4-real", "JPEG quality 40", 16)
    assert (named.model, named.reason, named.width) == ("elan-light-x2", "", 8)


def test_the_default_weights_are_there_from_the_start(serving: Serving) -> None:
    assert set(serving("auto").models._loaded) == {"elan-light-x4", "elan-light-x4-real"}


def test_bad_weights_are_told_at_the_start(serving: Serving, weights: dict[int, Path], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"unknown weights 'elan-lihgt'.*did you mean elan-light"):
        serving("elan-lihgt")
    for name in ("elan-light-x2", "elan-light-real"):
        disguised = tmp_path / f"{name}.safetensors"
        disguised.write_bytes(weights[2].read_bytes())
        with pytest.raises(ConfigError, match=name):
            serving(disguised)


def test_a_family_can_be_the_default(serving: Serving, file_of: FileOf) -> None:
    service = serving("elan-light-real")
    [default] = [offer for offer in service.models.offers if offer.default]
    assert (default.name, default.scale, default.scales) == ("elan-light-real", None, (2, 4))
    assert service.submit(file_of("PNG", 4, 4), "a.png", RequestOptions()).result().model == "elan-light-x4-real"


@pytest.mark.parametrize("name", ["nope", "/etc/passwd", "../tiny_x2.safetensors", "elan-heavy", "tiny_x2.safetensors"])
def test_a_client_names_no_files(name: str, serving: Serving, file_of: FileOf) -> None:
    error = refused(serving(), file_of(), wanted=RequestOptions(name))
    assert (error.status, error.code) == (422, "invalid_request")
    assert str(error).startswith(f"unknown model {name!r}: must be one of tiny_x2, auto, elan-light, elan-light-real, ")


def test_not_even_the_operators_file_by_its_path(serving: Serving, file_of: FileOf, weights: dict[int, Path]) -> None:
    assert refused(serving(), file_of(), wanted=RequestOptions(str(weights[2]))).status == 422
    assert serving().submit(file_of(), "a.png", RequestOptions("tiny_x2")).result().model == "tiny_x2"


def test_a_scale_that_there_is_not(serving: Serving, file_of: FileOf) -> None:
    assert "weights for x2, not x3" in str(refused(serving(), file_of(), wanted=RequestOptions(scale=3)))
    assert "no weights for x7" in str(refused(serving(), file_of(), wanted=RequestOptions("auto", 7)))
    assert "weights for x4, not x2" in str(refused(serving(), file_of(), wanted=RequestOptions("elan-light-x4", 2)))


def test_limits_of_size(serving: Serving, file_of: FileOf) -> None:
    data = file_of("PNG", 12, 20)
    service = serving(max_bytes=len(data), max_pixels=240, max_result_pixels=4 * 240)
    assert service.submit(data, "a.png", RequestOptions()).result().width == 40
    assert refused(service, data + b"\0").limit == ExceededLimit("max_bytes", len(data))
    pixels = refused(serving(max_pixels=239), data, "big.png")
    assert (pixels.status, pixels.code, pixels.limit) == (422, "too_many_pixels", ExceededLimit("max_pixels", 239))
    assert str(pixels).startswith("big.png: 20 x 12 = 240: ")
    for wanted, size in ((RequestOptions(), "40 x 24"), (RequestOptions(size=FinalSize(outscale=0.5)), "40 x 24")):
        result = refused(serving(max_result_pixels=4 * 240 - 1), data, wanted=wanted)
        assert (result.status, result.code, result.limit) == (
            422,
            "result_too_large",
            ExceededLimit("max_result_pixels", 959),
        )
        assert f"the result would be {size} pixels: " in str(result)


def test_all_frames_of_an_animation_count(serving: Serving, file_of: FileOf) -> None:
    frames = [Image.new("RGB", (10, 10), (n, 0, 0)) for n in range(5)]
    data = file_of("GIF", 10, 10, save_all=True, append_images=frames)
    assert refused(serving(max_pixels=599), data, "a.gif").code == "too_many_pixels"
    assert "40 x 40 pixels on 6 pages" not in str(refused(serving(max_result_pixels=2399), data, "a.gif"))
    assert "20 x 20 pixels on 6 pages" in str(refused(serving(max_result_pixels=2399), data, "a.gif"))
    done = serving(max_pixels=600, max_result_pixels=2400).submit(data, "a.gif", RequestOptions()).result()
    assert Image.open(io.BytesIO(done.data)).n_frames == 6  # type: ignore[attr-defined]
    unfit = refused(serving(), data, "a.gif", RequestOptions(extension="png"))
    assert "PNG cannot hold" in str(unfit)
    assert (unfit.status, unfit.code) == (422, "invalid_request")


def test_the_queue_is_full(serving: Serving, hold: Callable[[Service], Held], file_of: FileOf) -> None:
    service = serving(at_once=1, queue=2)
    held = hold(service)
    tasks = [service.submit(file_of(), f"{n}.png", RequestOptions()) for n in range(3)]
    assert held.asked.wait(PATIENCE)
    assert (service.waiting, service.in_work) == (2, 1)
    assert [task.in_work for task in tasks] == [True, False, False]
    full = refused(service, file_of())
    assert (full.status, full.code, full.limit) == (429, "queue_full", ExceededLimit("queue", 2))
    assert full.retry_after is not None
    assert 1 <= full.retry_after <= 120
    with pytest.raises(Rejected):
        service.require_room()
    tasks[1].cancel()  # its place is free at once
    late = service.submit(file_of(), "late.png", RequestOptions())
    held.go.set()
    assert [task.result().file_name for task in (tasks[0], tasks[2], late)] == [
        "0_x2.png",
        "2_x2.png",
        "late_x2.png",
    ]
    with pytest.raises(Rejected, match="cancelled"):
        tasks[1].result()


def test_a_cancelled_request_ends_at_its_next_tile(
    serving: Serving, hold: Callable[[Service], Held], file_of: FileOf
) -> None:
    service = serving()
    held = hold(service)
    ended: list[RequestRecord] = []
    service.on_ended = ended.append
    task = service.submit(file_of("PNG", 128, 128), "a.png", RequestOptions())
    assert held.asked.wait(PATIENCE)
    task.cancel()
    held.go.set()
    with pytest.raises(Rejected, match="cancelled"):
        task.result()
    no_longer(service)
    assert held.tiles == 1
    assert [(end.status, end.pixels) for end in ended] == [(499, 0)]


def test_too_slow(serving: Serving, hold: Callable[[Service], Held], file_of: FileOf) -> None:
    """In work and in the queue alike; what waits is dropped without being begun."""
    service = serving(at_once=1, seconds=0.3)
    held = hold(service)
    tasks = [service.submit(file_of(), "a.png", RequestOptions()) for _ in range(2)]
    for task in tasks:
        with pytest.raises(Rejected) as caught:
            task.result()
        assert (caught.value.status, caught.value.code) == (503, "too_slow")
        assert caught.value.limit == ExceededLimit("seconds", 0.3)
    held.go.set()
    no_longer(service)
    assert held.tiles == 1


def test_progress_grows_to_one(serving: Serving, file_of: FileOf) -> None:
    seen: list[float] = []
    task = serving().submit(file_of("PNG", 96, 64), "a.png", RequestOptions())
    while not task.future.done():
        seen.append(task.progress)
    assert seen == sorted(seen)
    assert task.progress == 1.0
    assert len(set(seen)) > 2


def test_how_long_work_takes_is_measured(serving: Serving, file_of: FileOf) -> None:
    service = serving()
    assert service.throughput.seconds(1000) is None
    service.try_out()
    rough = service.throughput.seconds(1000)
    assert rough is not None
    assert rough > 0
    result = service.submit(file_of("PNG", 30, 40), "a.png", RequestOptions()).result()
    no_longer(service)
    assert service.throughput.seconds(1200) == pytest.approx(result.seconds)


@pytest.mark.parametrize("wait", [True, False])
def test_the_end(wait: bool, serving: Serving, hold: Callable[[Service], Held], file_of: FileOf) -> None:
    """Waiting for it, what was taken on is done; else it ends with 503. Nothing new is taken on either way."""
    service = serving(at_once=1)
    held = hold(service)
    tasks = [service.submit(file_of("PNG", 64, 64), "a.png", RequestOptions()) for _ in range(2)]
    assert held.asked.wait(PATIENCE)
    service.closing = True
    assert refused(service, file_of()).code == "shutting_down"
    held.go.set()
    service.close(wait=wait)
    if wait:
        assert [task.result().width for task in tasks] == [128, 128]
    for task in tasks if not wait else []:
        with pytest.raises(Rejected, match="shutting down"):
            task.result()
    service.close(wait=True)


def test_grace_has_an_end(serving: Serving, hold: Callable[[Service], Held], file_of: FileOf) -> None:
    service = serving(at_once=1)
    held = hold(service)
    running, waiting = (service.submit(file_of("PNG", 64, 64), "a.png", RequestOptions()) for _ in range(2))
    assert held.asked.wait(PATIENCE)
    running.future.add_done_callback(lambda _: None)
    waiting.future.add_done_callback(lambda _: held.go.set())
    service.close(wait=True, grace=0.05)
    for task in (running, waiting):
        with pytest.raises(Rejected, match="shutting down"):
            task.result()


def test_nothing_is_left_behind(
    serving: Serving, file_of: FileOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file, and no result or upload in memory, whether it went well or not, without the garbage collector."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    service = serving()
    gc.disable()
    try:
        left: list[weakref.ref[QueuedRequest]] = []
        for data in (file_of(), file_of()[:100]):
            task = service.submit(data, "a.png", RequestOptions())
            left.append(weakref.ref(task.future))  # type: ignore[arg-type]
            try:
                task.result()
            except Rejected as error:
                error.bare()
            no_longer(service)
            assert task.data == b""
            del task
        deadline = time.monotonic() + PATIENCE
        while any(ref() for ref in left) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not any(ref() for ref in left)
    finally:
        gc.enable()
    assert list(tmp_path.iterdir()) == []


def test_an_unexpected_failure_is_the_services_and_frees_its_place(
    serving: Serving, file_of: FileOf, caplog: pytest.LogCaptureFixture
) -> None:
    service = serving()
    [upscaler] = service.models._loaded.values()

    def broken(tile: object) -> object:
        raise RuntimeError("secret of /home/operator")

    upscaler._network = broken  # type: ignore[assignment]
    error = refused(service, file_of())
    assert (error.status, error.code) == (500, "internal")
    assert "secret" not in str(error)
    assert "secret of /home/operator" in caplog.text
    no_longer(service)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("max_bytes", 0), ("max_pixels", -1), ("seconds", 0), ("queue", -1), ("at_once", -1), ("seconds", float("nan"))],
)
def test_limits_out_of_range(setting: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{setting}="):
        Limits(**{setting: value})  # type: ignore[arg-type]


def test_as_many_at_once_as_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """8 bytes a pixel of the largest result, in half of what is free."""
    for free, workers in ((2**40, 4), (6 * 8 * 1000, 3), (100, 1)):
        monkeypatch.setattr("elansr.server.limits.available_memory", lambda free=free: free)
        assert Limits(max_result_pixels=1000).workers == workers
    assert Limits(at_once=7).workers == 7
