"""Saves and loads weights in folders and on the Hugging Face Hub.

    >>> from elansr import hub
    >>> network = hub.from_pretrained("owner/name")

A folder, and a repository on the Hub, holds two files: `model.safetensors`, a weights file of ours, and `README.md`,
its model card. Only our safetensors are read: nothing is unpickled, and no code of a repository is run. Everything but
the Hub itself works without `huggingface_hub`.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, Any

from elansr.arguments import require_path
from elansr.disk import require_free, writing_errors
from elansr.errors import ConfigError, MissingExtraError, WeightsError
from elansr.text import one_line
from elansr.weights.contents import Contents
from elansr.weights.provenance import Provenance, model_card
from elansr.weights.released import IN_FOLDER, SAFETENSORS, SUFFIXES, is_path, is_released, resolve
from elansr.weights.weights_file import read_ours, save_contents, write_file

if TYPE_CHECKING:
    from elansr.nn.elan import ELAN

WEIGHTS, CARD = IN_FOLDER, "README.md"
REPOSITORY = re.compile(r"[a-z0-9][\w.-]*/[a-z0-9][\w.-]*", re.ASCII | re.IGNORECASE)
LOG_IN = "log in with `hf auth login` or give token="
ANSWERS = {
    "GatedRepoError": f"access is restricted: request it on its page, then {LOG_IN}",
    "RepositoryNotFoundError": f"not found here or on the Hub: check the name; if it is private, {LOG_IN}",
    "RevisionNotFoundError": "has no such revision: check revision=",
    "LocalEntryNotFoundError": "not downloaded yet, and the Hub cannot be reached: check the connection",
    "OfflineModeIsEnabled": "the environment variable HF_HUB_OFFLINE disables downloads: unset it",
    "EntryNotFoundError": "has no file {file}: choose one with file=",
    "LocalTokenNotFoundError": f"needs a token: {LOG_IN}",
}
"""What to tell a user, by the names in `huggingface_hub.errors`; a subclass has its own answer or its parent's."""


def from_pretrained(
    name_or_repo: str | os.PathLike[str],
    revision: str | None = None,
    *,
    scale: int | None = None,
    file: str = WEIGHTS,
    token: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    offline: bool = False,
) -> ELAN:
    """The network of a released name, a folder, a file or a repository on the Hub; tried in this order.

    Args:
        name_or_repo: "elan-light-x4"; a folder that `save_pretrained` wrote; a `.safetensors` file of ours; or
            "owner/name" on the Hub.
        revision: branch, tag or commit of the repository.
        scale: super-resolution factor that the weights must have, see `elansr.load_network`.
        file: which file of the folder or the repository.
        token: for a private repository; None takes the one of `hf auth login`.
        cache_dir: folder for downloads; None is the library's default.
        offline: whether to use only what was downloaded before.

    Returns:
        The network in eval mode, float32, on the CPU.

    Raises:
        WeightsError: an unknown name, unusable weights, or the Hub refuses.
        MissingExtraError: a repository is asked for without `huggingface_hub`.
    """
    path = find_weights(
        name_or_repo, revision, scale=scale, file=file, token=token, cache_dir=cache_dir, offline=offline
    )
    contents = read_ours(path)
    contents.require_scale(scale, name_or_repo)
    return contents.network()


def find_weights(
    name_or_repo: str | os.PathLike[str],
    revision: str | None = None,
    *,
    scale: int | None = None,
    file: str = WEIGHTS,
    token: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    offline: bool = False,
) -> Path:
    """The weights file that `from_pretrained` opens, downloaded where it has to be; see there."""
    path = _local(name_or_repo, file, scale)
    if path and revision is not None:
        raise WeightsError(f"revision={revision!r}: {name_or_repo} is not a repository on the Hub: omit it")
    path = path or _downloaded(
        str(name_or_repo), file, revision=revision, token=token, cache_dir=cache_dir, local_files_only=offline
    )
    if path.suffix.lower() != SAFETENSORS:
        raise WeightsError(f"{path}: only {SAFETENSORS} files can be opened: convert it with `elansr convert`")
    return path


def save_pretrained(
    network: ELAN, folder: str | os.PathLike[str], provenance: Provenance, overwrite: bool = False
) -> Path:
    """Writes a folder that `from_pretrained` reads and `push_to_hub` uploads: the weights and their model card.

    Args:
        network: on any device, of any float type; stored in float32.
        folder: created if missing; other files in it stay.
        provenance: where the weights come from; shown in the card.
        overwrite: whether to replace the two files.

    Returns:
        The folder.

    Raises:
        OutputExistsError: one of the files exists and `overwrite` is False.
        ConfigError: no ELAN, or no `Provenance`.
        WeightsError: NaN or infinite weights, or a folder that cannot be written.
    """
    _require_ours(network, provenance)
    return _saved(network, Path(folder), provenance, overwrite, repository="OWNER/NAME")


def push_to_hub(
    source: ELAN | str | os.PathLike[str],
    repo_id: str,
    provenance: Provenance | None = None,
    *,
    private: bool | None = None,
    token: str | None = None,
    message: str = "Upload weights with elansr",
) -> str:
    """Uploads weights and their model card in one commit, and creates the repository if needed.

    Earlier versions of the two files stay in the repository's history; other files are not touched.

    Args:
        source: a network, or a folder that `save_pretrained` wrote.
        repo_id: "owner/name".
        provenance: where the weights come from; for a network, a folder has it already.
        private: whether a new repository is private; None leaves that to the Hub. With True, an existing public
            repository is refused.
        token: with the right to write; None takes the one of `hf auth login`.
        message: of the commit.

    Returns:
        The address of the repository.

    Raises:
        ConfigError: neither an ELAN nor a folder, or no `Provenance`.
        WeightsError: unusable weights, a network without provenance, or the Hub refuses or cannot be reached.
        MissingExtraError: `huggingface_hub` is not installed.
    """
    from elansr.nn.elan import ELAN

    if not REPOSITORY.fullmatch(repo_id):
        raise WeightsError(f"{repo_id!r}: not the name of a repository: must be owner/name")
    if not isinstance(source, ELAN | str | os.PathLike):
        raise ConfigError(f"source: must be an elansr ELAN or a folder, not a {type(source).__name__}")
    if isinstance(source, ELAN) == (provenance is None):
        raise WeightsError(f"{repo_id}: provenance is for a network, not for a folder: give it only with a network")
    if not isinstance(source, ELAN):
        return _uploaded(Path(source), repo_id, private, token, message)
    assert provenance is not None
    _require_ours(source, provenance)
    with TemporaryDirectory() as folder:
        _saved(source, Path(folder), provenance, overwrite=False, repository=repo_id)
        return _uploaded(Path(folder), repo_id, private, token, message)


def _local(name: str | os.PathLike[str], file: str, scale: int | None) -> Path | None:
    """The file that a name means on this machine; None where it means a repository."""
    path = require_path("name_or_repo", name)
    if isinstance(name, str) and not is_path(name) and (name == "" or is_released(name) or not path.exists()):
        return resolve(name, scale)
    if path.is_dir():
        return path / file
    if path.exists() or path.suffix.lower() in SUFFIXES:
        return path
    if not REPOSITORY.fullmatch(str(name)):
        raise WeightsError(f"{str(name)!r:.200}: not a folder or the name of a repository: must be OWNER/NAME")
    return None


def _require_ours(network: object, provenance: object) -> None:
    """Refuses with a ConfigError anything but a network of ours and its provenance."""
    from elansr.nn.elan import ELAN

    for name, value, kind in (("network", network, ELAN), ("provenance", provenance, Provenance)):
        if not isinstance(value, kind):
            raise ConfigError(f"{name}: must be an elansr {kind.__name__}, not a {type(value).__name__}")


def _saved(network: ELAN, folder: Path, provenance: Provenance, overwrite: bool, repository: str) -> Path:
    for name in (WEIGHTS, CARD):
        with writing_errors(folder / name, WeightsError):
            require_free(folder / name, overwrite)
    with writing_errors(folder, WeightsError):
        folder.mkdir(parents=True, exist_ok=True)
    contents = Contents.of(network, provenance)
    card = model_card(contents.config, contents.parameters(), provenance, repository)
    save_contents(contents, folder / WEIGHTS, overwrite)
    write_file(folder / CARD, card.encode(), overwrite)
    return folder


def _downloaded(repo_id: str, file: str, **options: Any) -> Path:
    library = _library()
    with _plain_errors(repo_id, file):
        return Path(library.hf_hub_download(repo_id, file, library_name="elansr", **options))


def _uploaded(folder: Path, repo_id: str, private: bool | None, token: str | None, message: str) -> str:
    read_ours(folder / WEIGHTS)
    if not (folder / CARD).is_file():
        raise WeightsError(f"{folder}: has no model card ({CARD}): write the folder with save_pretrained")
    library = _library()
    with _plain_errors(repo_id, WEIGHTS):
        api = library.HfApi(token=token, library_name="elansr")
        address = str(api.create_repo(repo_id, private=private, exist_ok=True))
        if private and not api.repo_info(repo_id).private:
            raise WeightsError(f"{repo_id}: already public: make it private on its page, or omit private")
        files = [WEIGHTS, CARD]
        api.upload_folder(repo_id=repo_id, folder_path=folder, allow_patterns=files, commit_message=message)
    return address


def _library() -> ModuleType:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtraError("the Hub needs huggingface_hub: pip install '.[hub]' in elansr's folder") from error
    return huggingface_hub


@contextmanager
def _plain_errors(repo_id: str, file: str) -> Iterator[None]:
    """Turns what the library raises into one line."""
    log = logging.getLogger("huggingface_hub.utils._http")
    before = log.level
    log.setLevel(logging.CRITICAL)  # it prints every retry; what it ends with is said once, below
    try:
        yield
    except WeightsError:
        raise
    # Without a network, the library lets through whatever its HTTP client raises, and versions of it differ in that
    # client: no list of types would be complete.
    except Exception as error:  # noqa: BLE001
        raise WeightsError(f"{repo_id}: {_why(error, file)}") from None
    finally:
        log.setLevel(before)


def _why(error: Exception, file: str) -> str:
    for kind in type(error).__mro__:
        if kind.__name__ in ANSWERS:
            return ANSWERS[kind.__name__].format(file=file)
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 401:
        return f"not logged in, or the token is invalid: {LOG_IN}"
    if status == 403:
        return f"the token has no permission for this: {LOG_IN} with write access"
    return f"the Hub failed ({type(error).__name__}: {one_line(error)}): try again later"
