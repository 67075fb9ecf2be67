"""`elansr video`: upscale a video."""

from functools import partial
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elansr.cli import options as o
from elansr.cli.flags import in_flags
from elansr.errors import ElansrError
from elansr.text import count, shown

if TYPE_CHECKING:
    from elansr.upscaling import Choice, TiledNetwork
    from elansr.video import Encoding, VideoFile, VideoResult

OUTPUT_HELP = "File to write: .mp4, .mov, .mkv or .webm. Default: clip_x2.mp4 beside clip.mp4."
SCALE_HELP = "Scale of the network. Default: that of the weights, or 2."
MODEL_HELP = (
    "Released weights (see `elansr info`), a weights file or an exported file. auto: -real weights if the scale has "
    "them, except for a lossless codec whose first frames are neither noisy nor soft; otherwise elan-light."
)
CODEC_HELP = (
    "Encoder, by FFmpeg's name, such as libx264, libx265, libsvtav1, libvpx-vp9 or ffv1. auto: libvpx-vp9 for .webm, "
    "else libx264."
)
CRF_HELP = "Quality: lower is better and larger. Default: 18 for libx264."
PRESET_HELP = "Encoder preset, such as slow. Default: medium for libx264."
PIX_FMT_HELP = (
    "Pixel format, by FFmpeg's name. Default: the input's bit depth and chroma, if the encoder supports them."
)


def video(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="Video file.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="PATH", rich_help_panel=o.RESULT, help=OUTPUT_HELP)
    ] = None,
    scale: Annotated[
        int | None,
        typer.Option(
            "-s", "--scale", metavar="2|3|4", parser=o.parse_scale, rich_help_panel=o.NETWORK, help=SCALE_HELP
        ),
    ] = None,
    model: Annotated[
        str, typer.Option("-n", "--model", metavar="auto|NAME|FILE", rich_help_panel=o.NETWORK, help=MODEL_HELP)
    ] = "auto",
    strength: o.Strength = None,
    codec: Annotated[str, typer.Option(metavar="NAME", rich_help_panel=o.RESULT, help=CODEC_HELP)] = "auto",
    crf: Annotated[float | None, typer.Option(min=0, metavar="N", rich_help_panel=o.RESULT, help=CRF_HELP)] = None,
    preset: Annotated[str | None, typer.Option(metavar="NAME", rich_help_panel=o.RESULT, help=PRESET_HELP)] = None,
    pix_fmt: Annotated[str | None, typer.Option(metavar="NAME", rich_help_panel=o.RESULT, help=PIX_FMT_HELP)] = None,
    overwrite: o.Overwrite = False,
    tta: o.Tta = False,
    border: o.Border = "closed",
    margin: o.Margin = 0,
    tile: o.Tile = 0,
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    engine: o.Engine = "auto",
    threads: o.Threads = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document about the result.")] = False,
) -> None:
    """Upscale a video.

    Frame times are kept; audio and subtitles are copied.
    After an interruption, run the same command to continue.
    """
    try:
        from elansr.video import Encoding, VideoFile, choose_weights

        if threads:
            from elansr.engines.device import set_cpu_threads

            set_cpu_threads(threads)
        found = VideoFile(source)
        choice = choose_weights(model, scale, found, strength)
        from elansr.upscaling import TiledNetwork

        upscaler = TiledNetwork.open(
            choice.model,
            scale=scale,
            strength=strength,
            device=device,
            precision=precision,
            tile=tile,
            border=border,
            margin=margin,
            tta=tta,
            engine=engine,
        )
        target = output or _beside(source, upscaler.scale)
        result = _run(found, target, upscaler, Encoding(codec, crf, preset, pix_fmt), overwrite)
    except ElansrError as error:
        if json:
            typer.echo(dumps({"source": str(source), "status": "failed", "error": in_flags(str(error))}, indent=2))
        raise
    typer.echo(_line(result, choice), err=True)
    if json:
        typer.echo(dumps(_record(result, choice, upscaler.scale), indent=2))


def _beside(source: Path, scale: int) -> Path:
    """clip.mp4 -> clip_x2.mp4; other containers become Matroska, which can hold everything."""
    from elansr.video import CONTAINERS

    suffix = source.suffix if source.suffix.lower() in CONTAINERS else ".mkv"
    return source.with_name(f"{source.stem}_x{scale}{suffix}")


def _run(
    source: "VideoFile", target: Path, upscaler: "TiledNetwork", encoding: "Encoding", overwrite: bool
) -> "VideoResult":
    """Upscales and shows a progress bar of frames."""
    from elansr.cli.progress import ProgressBars
    from elansr.video import upscale_video

    with ProgressBars() as bars:
        show = partial(bars.show, f"{shown(source.path.name)}, frames")
        return upscale_video(source, target, upscaler, encoding, overwrite=overwrite, on_progress=show)


def _line(result: "VideoResult", choice: "Choice") -> str:
    """One line about the result."""
    sizes = "{}x{} -> {}x{}".format(*result.input_size, *result.output_size)
    frames = count(result.frames, "frame") + (f" ({result.repeated} repeated)" if result.repeated else "")
    reason = f" ({choice.reason})" if choice.reason else ""
    encoded = f"{result.codec} {result.pix_fmt}"
    files = f"{shown(result.source)} -> {shown(result.target)}"
    return f"{files}: {sizes}, {frames}, {encoded}, {result.seconds:.1f} s, {shown(choice.label)}{reason}"


def _record(result: "VideoResult", choice: "Choice", scale: int) -> dict[str, object]:
    return {
        "source": str(result.source),
        "target": str(result.target),
        "status": "done",
        "error": None,
        "seconds": round(result.seconds, 3),
        "frames": result.frames,
        "repeated": result.repeated,
        "width": result.output_size[0],
        "height": result.output_size[1],
        "codec": result.codec,
        "pix_fmt": result.pix_fmt,
        "model": choice.model,
        "model_reason": choice.reason or None,
        "strength": choice.strength,
        "scale": scale,
        "notes": list(result.notes),
    }
