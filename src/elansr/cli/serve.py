"""`elansr serve`: the REST API and the web page."""

import os
from pathlib import Path
from typing import Annotated

import typer

from elansr.cli import options as o
from elansr.errors import ConfigError, MissingExtraError

KEY = "ELANSR_API_KEY"
NEEDED = ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "fastapi_offline")
LIMITS = "Limits"

MODEL_HELP = "Default weights of requests: released weights (see `elansr info`), or a file, offered under its name."
KEY_HELP = f"File with the API key that clients must send; or set {KEY}. Default: no key."
PAGE_HELP = "Serve the web page too."
ROOT_HELP = "Path of the server behind a reverse proxy, such as /upscaler."
ORIGIN_HELP = (
    "Website that may call the API from a browser (CORS), such as https://example.com; repeatable; * allows all."
)
GRACE_HELP = "Seconds to finish requests after SIGTERM or Ctrl-C."
TILE_HELP = "Tile size: smaller tiles need less memory, larger ones less time; 0 is as large as memory allows."
AT_ONCE_HELP = "Requests processed at the same time; 0: up to 4, by memory."


def _limit(name: str, kind: str, text: str, least: float = 1) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(name, min=least, metavar=kind, rich_help_panel=LIMITS, help=text)
    return option


def serve(
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on; 0.0.0.0 is every interface.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, metavar="N", help="Port; 0 is a free port.")] = 8000,
    page: Annotated[bool, typer.Option("--page/--no-page", help=PAGE_HELP)] = True,
    api_key_file: Annotated[Path | None, typer.Option("--api-key-file", metavar="FILE", help=KEY_HELP)] = None,
    root_path: Annotated[str, typer.Option("--root-path", metavar="PATH", help=ROOT_HELP)] = "",
    allow_origin: Annotated[
        list[str] | None, typer.Option("--allow-origin", metavar="ORIGIN", help=ORIGIN_HELP)
    ] = None,
    grace: Annotated[float, typer.Option("--grace", min=0, metavar="SECONDS", help=GRACE_HELP)] = 60,
    model: Annotated[
        str, typer.Option("-n", "--model", metavar="auto|NAME|FILE", rich_help_panel=o.NETWORK, help=MODEL_HELP)
    ] = "auto",
    max_bytes: Annotated[int, _limit("--max-bytes", "N", "Maximum file size, in bytes (else 413).")] = 32 * 2**20,
    max_pixels: Annotated[int, _limit("--max-pixels", "N", "Maximum picture size, in pixels (else 422).")] = 2**25,
    max_result_pixels: Annotated[
        int, _limit("--max-result-pixels", "N", "Maximum result size, in pixels (else 422).")
    ] = 2**27,
    seconds: Annotated[
        float, _limit("--seconds", "S", "Maximum seconds per request, waiting included (else 503).", 0.001)
    ] = 600,
    queue: Annotated[int, _limit("--queue", "N", "Maximum number of waiting requests (else 429).", 0)] = 32,
    at_once: Annotated[int, _limit("--at-once", "N", AT_ONCE_HELP, 0)] = 0,
    tile: Annotated[
        int, typer.Option("-t", "--tile", min=0, metavar="PIXELS", rich_help_panel=o.SPEED, help=TILE_HELP)
    ] = 256,
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    threads: o.Threads = 0,
) -> None:
    """Serve a REST API and a web page.

    Prints the address when ready. After SIGTERM or Ctrl-C, it finishes running requests and exits; a second signal
    exits at once.
    """
    _require_extra()
    os.environ.setdefault("VIPS_BLOCK_UNTRUSTED", "1")  # loaders that libvips itself calls unsafe for foreign files
    from elansr.server.http_server import listen, url
    from elansr.server.http_server import serve as run
    from elansr.server.limits import Limits
    from elansr.server.proxy import checked_origins, checked_root_path
    from elansr.server.rest import create_app
    from elansr.server.service import Service

    key = _api_key(api_key_file)
    limits = Limits(max_bytes, max_pixels, max_result_pixels, seconds, queue, at_once)
    with listen(host, port) as listening:
        prefix, origins = checked_root_path(root_path), checked_origins(allow_origin or ())  # before weights are loaded
        service = Service(limits, model=model, device=device, precision=precision, tile=tile, threads=threads)
        app = create_app(service, api_key=key, page=page, root_path=prefix, allow_origins=origins)
        place = url(listening) + prefix
        run(app, service, listening, grace, lambda: typer.echo(_ready(place, key is not None)))


def _ready(place: str, guarded: bool) -> str:
    return f"elansr serves on {place} (REST: {place}/docs, {'with' if guarded else 'without'} an API key)"


def _require_extra() -> None:
    from importlib.util import find_spec

    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"elansr serve needs {', '.join(missing)}: pip install '.[web]' in elansr's folder")


def _api_key(file: Path | None) -> str | None:
    """The key from a file, else from the environment; never from the command line, which other users can see."""
    if file is None:
        key, origin = os.environ.get(KEY), KEY
        if key is None:
            return None
    else:
        origin = str(file)
        try:
            key = file.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not text"
            raise ConfigError(f"{file}: the API key cannot be read ({why}): check the file") from error
    key = key.strip()
    if len(key.splitlines()) != 1:
        found = "has several lines" if key else "is empty"
        raise ConfigError(f"{origin}: the API key {found}: must be one line")
    return key
