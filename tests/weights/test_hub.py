"""Weights from and to folders and the Hub: the real client, a Hub on this machine, and one line for each error."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import huggingface_hub.constants
import pytest
import torch

import elansr
from elansr import hub
from elansr.errors import ConfigError, MissingExtraError, OutputExistsError, WeightsError
from elansr.nn.elan import ELAN
from elansr.weights.load import convert
from elansr.weights.released import is_path
from elansr.weights.weights_file import load, save
from tests.weights.samples import PROVENANCE, random_network

PAGE = Path(__file__).resolve().parents[2] / "docs" / "hub.md"
COMMIT = "a" * 40


def same(a: ELAN, b: ELAN) -> bool:
    ours, others = a.state_dict(), b.state_dict()
    return a.config == b.config and all(torch.equal(ours[name], others[name]) for name in ours | others)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return hub.save_pretrained(random_network(), tmp_path / "made" / "elan", PROVENANCE)


class FakeHub(BaseHTTPRequestHandler):
    """Answers as the Hub does: one repository "owner/elan" whose branch main holds model.safetensors."""

    content = b""
    seen: list[str]

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.seen.append(f"{self.command} {self.path} {self.headers.get('Authorization')}")
        repository, _, rest = self.path.removeprefix("/").partition("/resolve/")
        revision, _, file = rest.partition("/")
        if repository == "owner/gated":
            self.answer(403, {"X-Error-Code": "GatedRepo"})
        elif repository != "owner/elan":
            self.answer(404, {"X-Error-Code": "RepoNotFound"})
        elif revision not in ("main", COMMIT):
            self.answer(404, {"X-Error-Code": "RevisionNotFound"})
        elif file != hub.WEIGHTS:
            self.answer(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        else:
            self.answer(200, {"X-Repo-Commit": COMMIT, "ETag": '"0123"'}, self.content)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer({"Bearer reader": 403}.get(self.headers.get("Authorization", ""), 401), {})

    def answer(self, status: int, headers: dict[str, str], content: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


def point_to(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    for name, value in {"HF_HUB_CACHE": tmp_path / "cache", "HF_TOKEN_PATH": tmp_path / "token"}.items():
        monkeypatch.setattr(constants, name, str(value))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeHub]]:
    """The Hub, on this machine, with an empty cache and nobody logged in."""
    handler = type("Handler", (FakeHub,), {"content": (folder / hub.WEIGHTS).read_bytes(), "seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        point_to(f"http://127.0.0.1:{listening.server_port}", monkeypatch, tmp_path)
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield handler
        huggingface_hub.close_session()
        listening.shutdown()
        thread.join()


def test_a_folder_there_and_back(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "model.safetensors"]
    assert same(hub.from_pretrained(folder), random_network())
    assert same(hub.from_pretrained(str(folder / hub.WEIGHTS), scale=2), random_network())
    assert load(folder / hub.WEIGHTS)[1] == PROVENANCE
    assert not hub.from_pretrained(folder).training


def test_released_names_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elan-light-x2").mkdir()
    assert same(hub.from_pretrained("elan-light-x2"), elansr.load_network("elan-light-x2"))
    assert hub.from_pretrained("elan-light", scale=2).config.scale == 2


def test_a_folder_by_its_bare_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent.parent)
    assert same(hub.from_pretrained("made/elan"), random_network())
    monkeypatch.chdir(folder.parent)
    assert same(elansr.weights.hub.from_pretrained("elan"), random_network())


def test_another_file_of_a_folder(folder: Path) -> None:
    save(elansr.load_network("elan-light-x2"), folder / "other.safetensors", PROVENANCE)
    assert hub.from_pretrained(folder, file="other.safetensors").config.channels == 60


def test_nothing_is_replaced_unasked(folder: Path) -> None:
    (folder / hub.WEIGHTS).unlink()
    with pytest.raises(OutputExistsError, match=r"README\.md"):
        hub.save_pretrained(random_network(), folder, PROVENANCE)
    assert not (folder / hub.WEIGHTS).exists()
    hub.save_pretrained(random_network(), folder, PROVENANCE, overwrite=True)
    assert (folder / hub.WEIGHTS).exists()


def test_only_an_elan_with_its_story_is_written(tmp_path: Path) -> None:
    other: Any = torch.nn.Linear(1, 1)
    for call, where in ((hub.save_pretrained, str(tmp_path / "x1")), (hub.push_to_hub, "owner/x1")):
        with pytest.raises(ConfigError, match="ELAN.* Linear"):
            call(other, where, PROVENANCE)
        with pytest.raises(ConfigError, match="Provenance.* dict"):
            call(random_network(), where, {"name": "x1"})  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made(folder: Path) -> None:
    with pytest.raises(WeightsError, match=r"README\.md/below: "):
        hub.save_pretrained(random_network(), folder / hub.CARD / "below", PROVENANCE)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"name_or_repo": "elan-light-x5"}, "'elan-light-x5'"),
        ({"name_or_repo": "elan-light"}, "elan-light: .*scale"),
        ({"name_or_repo": "./nothing"}, "'./nothing': .*OWNER/NAME"),
        ({"name_or_repo": "a b/c d"}, "'a b/c d': .*OWNER/NAME"),
        ({"name_or_repo": "a/b/c"}, "OWNER/NAME"),
        ({"name_or_repo": "https://huggingface.co/a/b"}, "OWNER/NAME"),
        ({"name_or_repo": ""}, "''"),
        ({"name_or_repo": "owner/nothing.safetensors"}, r"owner/nothing\.safetensors: "),
        ({"name_or_repo": "elan-light-x2", "revision": "main"}, "revision='main'"),
        ({"name_or_repo": "elan-light-x2", "scale": 3}, "x3"),
    ],
)
def test_what_is_refused_here(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(WeightsError, match=complaint) as raised:
        hub.from_pretrained(**arguments)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None  # no traceback of the HTTP client


def test_only_our_safetensors_are_opened(folder: Path) -> None:
    pickled = convert(folder / hub.WEIGHTS, folder / "model.pth", to="basicsr")
    with pytest.raises(WeightsError, match=r"model\.pth: .*\.safetensors .*`elansr convert`"):
        hub.from_pretrained(pickled)
    foreign = convert(folder / hub.WEIGHTS, folder / "foreign.safetensors", to="trainner")
    with pytest.raises(WeightsError, match=r"foreign\.safetensors: .*`elansr convert`"):
        hub.from_pretrained(foreign)
    with pytest.raises(WeightsError, match="x2.*x3"):
        hub.from_pretrained(folder, scale=3)


def test_a_repository_is_downloaded_once(server: type[FakeHub]) -> None:
    assert same(hub.from_pretrained("owner/elan", token="secret"), random_network())
    assert any(line.startswith("GET ") and line.endswith("Bearer secret") for line in server.seen)
    downloads = sum(line.startswith("GET ") for line in server.seen)
    assert same(hub.from_pretrained("owner/elan", revision=COMMIT), random_network())
    assert same(hub.from_pretrained("owner/elan", offline=True), random_network())
    assert sum(line.startswith("GET ") for line in server.seen) == downloads


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"name_or_repo": "owner/nothing"}, "owner/nothing: .*`hf auth login`"),
        ({"name_or_repo": "owner/gated"}, "owner/gated: .*`hf auth login`"),
        ({"name_or_repo": "owner/elan", "revision": "v2"}, "owner/elan: .*revision="),
        ({"name_or_repo": "owner/elan", "file": "other.safetensors"}, r"owner/elan: .*other\.safetensors.*file="),
        ({"name_or_repo": "owner/elan", "offline": True}, "owner/elan: "),
        ({"name_or_repo": "owner/a--b"}, "owner/a--b: "),
    ],
)
def test_what_the_hub_does_not_give(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(WeightsError, match=complaint) as raised:
        hub.from_pretrained(**arguments)
    assert "\n" not in str(raised.value)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("token", "complaint"), [(None, "owner/elan: .*`hf auth login`"), ("reader", "owner/elan: .*token")]
)
def test_who_may_not_push(folder: Path, token: str | None, complaint: str) -> None:
    with pytest.raises(WeightsError, match=complaint):
        hub.push_to_hub(folder, "owner/elan", token=token)


def test_without_a_connection(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    point_to("http://127.0.0.1:9", monkeypatch, tmp_path)  # nobody listens there
    with no_waiting(monkeypatch), pytest.raises(WeightsError, match="owner/elan: "):
        hub.from_pretrained("owner/elan")
    with no_waiting(monkeypatch), pytest.raises(WeightsError, match="owner/elan: "):
        hub.push_to_hub(folder, "owner/elan")
    assert not caplog.records, "the library says every retry"
    huggingface_hub.close_session()


@contextmanager
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The library tries again after seconds."""
    with monkeypatch.context() as patch:
        patch.setattr("time.sleep", lambda seconds: None)
        yield


@pytest.fixture
def uploads(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, bytes]]:
    """What was uploaded, by repository: instead of the Hub, which has one public repository, "owner/public"."""
    repositories: dict[str, dict[str, bytes]] = {"owner/public": {}}
    hidden: set[str] = set()

    class Api:
        def __init__(self, token: str | None, library_name: str) -> None:
            self.token = token

        def create_repo(self, repo_id: str, *, private: bool | None, exist_ok: bool) -> str:
            assert exist_ok
            if repo_id not in repositories and private:
                hidden.add(repo_id)
            repositories.setdefault(repo_id, {})
            return f"https://huggingface.co/{repo_id}"

        def repo_info(self, repo_id: str) -> SimpleNamespace:
            return SimpleNamespace(private=repo_id in hidden)

        def upload_folder(
            self, *, repo_id: str, folder_path: Path, allow_patterns: list[str], commit_message: str
        ) -> None:
            for name in allow_patterns:
                repositories[repo_id][name] = (folder_path / name).read_bytes()

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    return repositories


def test_a_network_is_pushed_with_its_card(uploads: dict[str, dict[str, bytes]], tmp_path: Path) -> None:
    assert hub.push_to_hub(random_network(), "owner/new", PROVENANCE) == "https://huggingface.co/owner/new"
    (tmp_path / hub.WEIGHTS).write_bytes(uploads["owner/new"][hub.WEIGHTS])
    assert same(hub.from_pretrained(tmp_path), random_network())
    assert b'from_pretrained("owner/new")' in uploads["owner/new"][hub.CARD]


def test_a_folder_is_pushed_as_it_is(uploads: dict[str, dict[str, bytes]], folder: Path) -> None:
    (folder / "secret.txt").write_text("not for others")
    hub.push_to_hub(folder, "owner/new", private=True)
    assert uploads["owner/new"] == {name: (folder / name).read_bytes() for name in (hub.WEIGHTS, hub.CARD)}


def test_nothing_private_becomes_public(uploads: dict[str, dict[str, bytes]], folder: Path) -> None:
    with pytest.raises(WeightsError, match="owner/public: "):
        hub.push_to_hub(folder, "owner/public", private=True)
    assert uploads["owner/public"] == {}


def test_what_is_not_pushed(uploads: dict[str, dict[str, bytes]], folder: Path) -> None:
    (folder / hub.CARD).unlink()
    with pytest.raises(WeightsError, match=r"README\.md.*save_pretrained"):
        hub.push_to_hub(folder, "owner/new")
    (folder / hub.WEIGHTS).write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"model\.safetensors: "):
        hub.push_to_hub(folder, "owner/new")
    with pytest.raises(WeightsError, match="'new': .*owner/name"):
        hub.push_to_hub(folder, "new")
    for source, provenance in ((random_network(), None), (folder, PROVENANCE)):
        with pytest.raises(WeightsError, match="owner/new: .*provenance"):
            hub.push_to_hub(source, "owner/new", provenance)
    assert uploads == {"owner/public": {}}


def test_without_the_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    for call in (lambda: hub.from_pretrained("owner/elan"), lambda: hub.push_to_hub(folder, "owner/elan")):
        with pytest.raises(MissingExtraError, match=r"pip install '.\[hub\]'"):
            call()
    assert same(hub.from_pretrained(folder), random_network())


def test_the_examples_of_the_page_run(
    uploads: dict[str, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order in which they stand there; the Hub gives back what was pushed, torch.hub takes this clone."""

    def download(repo_id: str, file: str, **options: Any) -> str:
        (tmp_path / file).write_bytes(uploads[repo_id][file])
        return str(tmp_path / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.chdir(tmp_path)
    folders, pushed, torch_hub = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    clone = f"{str(PAGE.parents[1])!r}, source='local', model="
    torch_hub = torch_hub.replace('"OWNER/elansr", ', clone)
    names: dict[str, Any] = {}
    for code in (folders, pushed, torch_hub):
        exec(compile(code, str(PAGE), "exec"), names)
    assert names["upscaler"].scale == 2
    assert names["sr"].shape == (1, 3, 192, 256)


def test_a_folder_is_named_as_weights_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    for name in ("elan", "./elan", folder, str(folder / hub.WEIGHTS)):
        assert same(elansr.load_network(name), hub.from_pretrained(folder))
        assert elansr.load(name, device="cpu").config == elansr.load_network(name).config


def test_released_names_come_before_folders(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    for name in ("elan-light-x2", "elan-light", "auto"):
        folder = folder.rename(folder.parent / name)
        assert not is_path(name)
    folder.rename(folder.parent / "elan-light-x2")
    assert elansr.load_network("elan-light-x2").config.channels == 60


def test_a_folder_without_weights_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "./empty", tmp_path / "empty"):
        with pytest.raises(WeightsError):
            elansr.load_network(name)
