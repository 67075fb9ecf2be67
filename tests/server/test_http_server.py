"""`elansr serve` as a process: ports, keys, signals, clients that go away, and the example of docs/serve.md."""

import http.client
import importlib.util
import io
import json
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image

from elansr.cli import serve as command
from elansr.errors import ConfigError, MissingExtraError
from elansr.server.http_server import listen, url
from tests.command_line import Ended
from tests.server.conftest import PATIENCE

pytest.importorskip("uvicorn", reason="needs pip install '.[web]'")

FileOf = Callable[..., bytes]
ROOT = Path(__file__).resolve().parents[2]


class Running(NamedTuple):
    """A server that is ready: its process and its port, and what is to be closed in the end."""

    process: "subprocess.Popen[str]"
    port: int
    open: ExitStack

    def get(self, path: str) -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def head(self, path: str) -> bytes:
        """All that comes, which http.client would not show of an answer without a body."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            return b"".join(iter(lambda: connection.recv(4096), b""))

    def send(self, data: bytes) -> http.client.HTTPConnection:
        """Posts a picture; the answer is not waited for."""
        head = b'--b\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.open.callback(connection.close)
        connection.request("POST", "/v1/upscale", head + data + b"\r\n--b--\r\n", kind)
        return connection

    def metric(self, name: str) -> float:
        found = re.search(rf"^{name} (\S+)$", self.get("/metrics")[1].decode(), re.MULTILINE)
        assert found
        return float(found[1])

    def wait_for(self, name: str, value: float) -> None:
        until = time.monotonic() + PATIENCE
        while self.metric(name) != value:
            assert time.monotonic() < until
            time.sleep(0.02)

    def end(self, number: int) -> Ended:
        self.process.send_signal(number)
        stdout, stderr = self.process.communicate(timeout=PATIENCE)
        return Ended(self.process.returncode, stdout, stderr)


@pytest.fixture
def server(start: Callable[..., "subprocess.Popen[str]"], weights: dict[int, Path]) -> Iterator[Callable[..., Running]]:
    """Starts `elansr serve` on a free port, without the page."""
    made: list[subprocess.Popen[str]] = []

    def serve(*options: object) -> Running:
        process = start("serve", "--port", 0, "--no-page", "-n", weights[2], "--threads", 1, *options)
        made.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(
            r"elansr serves on http://127\.0\.0\.1:(\d+) \(REST: .*/docs, without an API key\)\n", line
        )
        assert found, line or process.communicate()
        return Running(process, int(found[1]), connections)

    with ExitStack() as connections:
        yield serve
    for process in made:
        process.kill()
        process.communicate()


def the_examples_of_the_documentation_work(
    running: Running, photo: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of docs/serve.md as they stand, but for the port; curl's where there is curl."""
    page = (
        (ROOT / "docs" / "serve.md")
        .read_text(encoding="utf-8")
        .replace("127.0.0.1:8000/v1", f"127.0.0.1:{running.port}/v1")
    )
    (folder / "photo.jpg").write_bytes(photo)
    monkeypatch.chdir(folder)
    [line] = re.findall(r"^curl .*$", page, re.MULTILINE)
    results = []
    if shutil.which("curl"):
        subprocess.run(shlex.split(line), check=True, capture_output=True)
        results.append((folder / "photo_x2.jpg").read_bytes())
    if importlib.util.find_spec("httpx"):
        [code] = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        exec(compile(code, "docs/serve.md", "exec"), {})
        results.append((folder / "photo_x2.jpg").read_bytes())
    assert all(Image.open(io.BytesIO(result)).size == (60, 40) for result in results)
    assert len(set(results)) <= 1


def test_work_is_finished_and_refused_and_freed(
    server: Callable[..., Running], file_of: FileOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One server: what the documentation shows; a client goes away and its work ends; SIGTERM.

    Then what runs is finished, what comes gets 503, and the process exits with 0.
    """
    running = server("--at-once", 1, "--tile", 16)
    assert json.loads(running.get("/healthz")[1])["status"] == "ok"
    for path in ("/healthz", "/v1/models"):
        answer = running.head(path)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"\r\n\r\n")
        assert answer.count(b"\r\n\r\n") == 1
    the_examples_of_the_documentation_work(running, file_of("JPEG", 20, 30), tmp_path, monkeypatch)
    gone = running.send(file_of("PNG", 600, 600))
    running.wait_for("elansr_in_work", 1)
    gone.close()
    running.wait_for("elansr_cancelled_total", 1)
    running.wait_for("elansr_in_work", 0)
    staying = running.send(file_of("PNG", 300, 300))
    running.wait_for("elansr_in_work", 1)
    running.process.send_signal(signal.SIGTERM)
    until = time.monotonic() + PATIENCE
    while running.get("/healthz")[0] != 503:
        assert time.monotonic() < until
    refused = running.send(file_of("PNG", 4, 4)).getresponse()
    assert (refused.status, json.loads(refused.read())["error"]["code"]) == (503, "shutting_down")
    finished = staying.getresponse()
    assert finished.status == 200
    assert finished.read().startswith(b"\x89PNG")
    stdout, stderr = running.process.communicate(timeout=PATIENCE)
    assert (running.process.returncode, stdout, stderr) == (0, "", "")


def test_the_second_signal_ends_at_once(server: Callable[..., Running], file_of: FileOf) -> None:
    running = server("--tile", 16)
    waiting = running.send(file_of("PNG", 600, 600))
    running.wait_for("elansr_in_work", 1)
    running.process.send_signal(signal.SIGINT)
    while running.get("/healthz")[0] != 503:
        pass
    ended = running.end(signal.SIGTERM)
    assert ended.code == 128 + signal.SIGTERM
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        waiting.getresponse()


def test_ports() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert url(taken) == f"http://127.0.0.1:{port}"
        with pytest.raises(ConfigError, match=f"port {port} is in use"):
            listen("127.0.0.1", port)
    with pytest.raises(ConfigError, match=r"no\.such\.host\.invalid port 80"):
        listen("no.such.host.invalid", 80)
    if socket.has_ipv6:
        try:
            with listen("::1", 0) as six:
                assert re.fullmatch(r"http://\[::1\]:\d+", url(six))
        except ConfigError:
            pytest.skip("this machine has no IPv6")


def test_a_port_in_use_is_one_line(call: Callable[..., Ended], weights: dict[int, Path]) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        ended = call("serve", "--port", port, "-n", weights[2])  # before anything is loaded
    assert ended.code == 2
    assert ended.stderr == f"error: port {port} is in use: choose another with --port\n"


def test_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(command.KEY, raising=False)
    assert command._api_key(None) is None
    monkeypatch.setenv(command.KEY, " from the environment\n")
    assert command._api_key(None) == "from the environment"
    file = tmp_path / "key"
    file.write_text("from the file\n")
    file.chmod(stat.S_IRUSR)
    assert command._api_key(file) == "from the file"
    monkeypatch.setenv(command.KEY, "")
    with pytest.raises(ConfigError, match="ELANSR_API_KEY: .* is empty"):
        command._api_key(None)
    file.chmod(stat.S_IRUSR | stat.S_IWUSR)
    for text, message in ((" \n", "is empty"), ("a\nb\n", "has several lines")):
        file.write_text(text)
        with pytest.raises(ConfigError, match=f"key: .*{message}"):
            command._api_key(file)
    with pytest.raises(ConfigError, match=r"nothing: .*No such file"):
        command._api_key(tmp_path / "nothing")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, call: Callable[..., Ended]) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"needs fastapi, uvicorn, .*: pip install '.\[web\]'"):
        command._require_extra()
    ended = call("serve")
    assert (ended.code, ended.stderr.count("\n")) == (2, 1)
