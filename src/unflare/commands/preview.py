"""unflare preview"""

import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from unflare.commands.opening import Sensor, sensor_shape

KINDS = (".png", ".mp4", ".gif")


def preview(  # noqa: PLR0913 - a command has as many options as its users need
    recording: Annotated[Path, typer.Argument(metavar="IN", help="A recording, or a scene of data/scenes.")],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="A name that ends in .png, .mp4 or .gif.")
    ],
    against: Annotated[
        Path | None, typer.Option(metavar="OTHER", help="Its cleaned copy: before, after and what was removed.")
    ] = None,
    start: Annotated[
        float | None,
        typer.Option(metavar="MS", help="Where to begin. Default: videos at 0, pictures in the midst of the events."),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(metavar="MS", help="How much to show. Default: in a picture 20, in a video what 10 s of it hold."),
    ] = None,
    slow: Annotated[
        float | None,
        typer.Option(metavar="TIMES", help="Slower than life; a frame holds 40 ms / TIMES. Default: 40, less if long."),
    ] = None,
    sensor: Sensor = None,
    without_light: Annotated[
        bool, typer.Option("--without-light", help="Of a scene, leave out the light, which needs data/index.json.")
    ] = False,
) -> None:
    """Look at a recording, at before and after, or at a scene: as a picture or in slow motion."""
    _refuse(output, [path for path in (recording, against) if path], slow)
    from rich.console import Console
    from rich.progress import track

    from unflare.preview.opening import opened
    from unflare.preview.showing import write_picture, write_video
    from unflare.preview.span import frames

    first, length = (_microseconds(time) for time in (start, duration))
    with opened(recording, against, sensor_shape(sensor), light=not without_light) as view:
        if output.suffix.lower() == ".png":
            write_picture(output, view, first, length)
        else:
            borders = frames(view, first, length, slow).tolist()
            console, silent = Console(stderr=True), not sys.stderr.isatty()
            total = len(borders) - 1
            write_video(output, view, borders, lambda t: track(t, "frames", total, console=console, disable=silent))
    typer.echo(output)


def _refuse(output: Path, inputs: list[Path], slow: float | None) -> None:
    kind = output.suffix.lower()
    if kind not in KINDS:
        raise ValueError(f"{output}: expected a name that ends in {', '.join(KINDS)}")
    if output.is_dir() or output.resolve() in {path.resolve() for path in inputs}:
        raise ValueError(f"{output}: expected the name of a new file, not of a folder or of what is looked at")
    if kind == ".png" and slow is not None:
        raise ValueError("--slow is for videos (.mp4, .gif); --duration says how much a picture holds")


def _microseconds(ms: float | None) -> int | None:
    if ms is not None and not math.isfinite(ms):
        raise ValueError(f"expected a time in ms, found {ms}")
    return None if ms is None else round(1000 * ms)
