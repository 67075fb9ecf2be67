"""Mistakes in a command, each in one line: the value, the rule, and where to look."""

import os
import re
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

import typer
from typer.core import TyperCommand

from elansr.text import did_you_mean, shown

CommandLineError: type[Exception] = typer.BadParameter.__mro__[2]
"""The base of what Typer raises for a mistake in a command; Typer does not export it."""

VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")

HINTS = {
    "-i": "name the input without an option",
    "--input": "name the input without an option",
    "-g": "the option is --device, such as --device cuda:0 or --device cpu",
    "--gpu-id": "the option is --device, such as --device cuda:0 or --device cpu",
    "-j": "the option is --threads",
    "-m": "name a weights file with -n FILE",
    "--model_path": "name a weights file with -n FILE",
    "--model_name": "the option is --model",
    "--fp32": "the option is --precision fp32",
    "--half": "the option is --precision fp16",
    "-w": "the option is --width",
    "-z": "the option is --scale",
    "-c": "the option is --quality",
    "--compress": "the option is --quality",
    "--tile_pad": "omit it: tiles always overlap as much as the network needs",
    "--pre_pad": "the option is --margin",
    "-v": "omit it: every result is always printed",
    "--verbose": "omit it: every result is always printed",
}
"""Options of Real-ESRGAN, upscayl and similar programs, and what to use instead."""


class Command(TyperCommand):
    """A command whose help shows no type for flags; Typer would print `<bool>`."""

    def get_params(self, ctx: Any) -> Any:
        """The parameters, `--help` included."""
        return without_bool(super().get_params(ctx))


def without_bool(parameters: list[Any]) -> list[Any]:
    """Sets an empty type for all flags."""
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    return parameters


def usage_line(error: Any, arguments: Sequence[str]) -> str:
    """One line about a mistake that Typer found in the arguments of `elansr`."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "elansr"
    kind, message = type(error).__name__, str(getattr(error, "message", "") or error).rstrip(".")
    if kind == "NoSuchOption":
        if file := _file_like_option(error.option_name, arguments):
            return f"{shown(file)}: no such option: if it is a file, type ./{shown(file)}"
        known = [flag for parameter in context.command.params for flag in parameter.opts] if context else []
        hint = HINTS.get(error.option_name) or did_you_mean(error.option_name, known).strip()
        return f"{shown(error.option_name)}: no such option: {hint or f'see {command} --help'}"
    parameter = getattr(error, "param", None)
    if parameter is None:
        return message[:1].lower() + message[1:]
    names = [*(name for name in parameter.opts if name.startswith("--")), parameter.metavar]
    if kind == "MissingParameter":
        return f"{names[0]}: missing: see {command} --help"
    details: list[Any] = getattr(error.__cause__, "errors", list)()
    value = f" {shown(str(details[0]['input']))}" if details else ""
    return f"{names[0]}{value}: {_plain(message)}"


def no_such_command(name: str, known: Iterable[str]) -> str:
    """What to type instead of a command that does not exist; often it is a picture."""
    if os.path.exists(name) or "://" in name or os.path.splitext(name)[1]:
        command = "video" if name.lower().endswith(VIDEOS) else "upscale"
        return f"{shown(name)}: not a command: to upscale it, type elansr {command} {shlex.quote(name)}"
    return f"{shown(name)}: not a command: {did_you_mean(name, known).strip() or 'see elansr --help'}"


def _file_like_option(option: str, arguments: Sequence[str]) -> str | None:
    """The argument that was read as `option` and looks like a file, such as -x.png, of which Typer reports "-."."""
    for argument in arguments:
        named = argument == option or (argument[:1] == "-" != argument[1:2] and option[1:] in argument)
        if named and (os.path.lexists(argument) or re.fullmatch(r"\.[A-Za-z]\w*", os.path.splitext(argument)[1])):
            return argument
    return None


def _plain(message: str) -> str:
    """Rewrites the message of Pydantic, which checks values for Typer."""
    rule = re.sub(r", unable to parse.*", "", message.removeprefix("Value error, "))
    rule = (
        rule.replace("Input should be", "must be")
        .replace("a valid integer", "a whole number")
        .replace("a valid number", "a number")
    )
    return re.sub(r"^'.*' is not one of", "must be one of", rule).replace("'", "").rstrip(".")
