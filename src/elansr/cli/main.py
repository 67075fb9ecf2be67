"""The command `elansr`: registers the commands, and handles errors and interrupts for all of them.

Nothing heavy is imported before a command runs: `elansr --help` must answer at once.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from elansr.cli import interrupts
from elansr.cli.batch import batch
from elansr.cli.benchmark import benchmark
from elansr.cli.check_data import check_data
from elansr.cli.compare import compare
from elansr.cli.convert import convert
from elansr.cli.evaluate import evaluate
from elansr.cli.export import export
from elansr.cli.flags import in_flags
from elansr.cli.info import info
from elansr.cli.serve import serve
from elansr.cli.train import train
from elansr.cli.upscale import UpscaleCommand, upscale
from elansr.cli.usage import Command, CommandLineError, no_such_command, usage_line, without_bool
from elansr.cli.video import video
from elansr.errors import ElansrError, MissingExtraError

BAD_INPUT = 2
CLOSED_PIPE = 128 + 13
"""The exit code of programs that SIGPIPE ends."""
SPINS = "3000"
"""How long a CPU thread of PyTorch spins while it waits for the others. GNU's default of 300,000 costs most of the time
when another program keeps a core busy (x4 of 64x64 pixels with one of two cores taken: 4.0 s, with this 0.9 s) and
gains little on an idle machine."""


class Commands(TyperGroup):
    """The commands. Errors end with one line and exit code 2, interrupts with one line and exit code 130 or 143."""

    def main(self, args: Any = None, standalone_mode: bool = True, **options: Any) -> Any:  # type: ignore[override]
        """Runs the command line; prints a mistake in it as one line instead of Typer's box."""
        try:
            code = super().main(args, standalone_mode=False, **options)
        except CommandLineError as error:
            given = sys.argv[1:] if args is None else args
            typer.echo(f"error: {usage_line(error, given)}", err=True)
            code = BAD_INPUT
        if standalone_mode:
            sys.exit(code)
        return code

    def get_params(self, ctx: Any) -> Any:
        """The parameters, `--help` included."""
        return without_bool(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command to run; for a picture instead of a command, suggests the command to type."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            ctx.fail(no_such_command(args[0], self.commands))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except ElansrError as error:
            typer.echo(f"error: {in_flags(str(error))}", err=True)
            raise typer.Exit(BAD_INPUT) from error
        except BrokenPipeError as error:  # the program that reads the output has ended, such as `head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains at its end
            raise typer.Exit(CLOSED_PIPE) from error
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            typer.echo(f"error: {MissingExtraError.torch('this command')}", err=True)
            raise typer.Exit(BAD_INPUT) from error
        except KeyboardInterrupt as error:
            word, code = interrupts.last_interrupt()
            typer.echo(f"{word}{'' if not str(error) else f': {error}'}", err=True)
            raise typer.Exit(code) from error


app = typer.Typer(
    name="elansr",
    help="Image super-resolution with ELAN, the Efficient Long-Range Attention Network.",
    cls=Commands,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=UpscaleCommand)(upscale)
app.command(cls=Command)(batch)
app.command(cls=Command)(video)
app.command(cls=Command)(serve)
app.command(cls=Command)(convert)
app.command(cls=Command)(export)
app.command(cls=Command)(info)
app.command(cls=Command)(evaluate)
app.command(cls=Command)(compare)
app.command(cls=Command)(benchmark)
app.command(cls=Command)(train)
app.command("check-data", cls=Command)(check_data)


def main() -> None:
    """The entry point of the console script."""
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime would also write a file
    _keep_compiled_code()
    interrupts.install()
    app(prog_name="elansr")


def _keep_compiled_code() -> None:
    """Makes PyTorch keep compiled code in the user's cache, not among the temporary files."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    if os.access(cache if cache.exists() else cache.parent, os.W_OK):
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache / "elansr" / "torchinductor"))


def _print_version(wanted: bool) -> None:
    if wanted:
        from elansr import __version__

        typer.echo(f"elansr {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    ctx: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Image super-resolution with ELAN, the Efficient Long-Range Attention Network."""
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())
