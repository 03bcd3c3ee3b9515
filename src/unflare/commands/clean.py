"""unflare clean"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unflare.commands.opening import (
    Device,
    Force,
    In,
    MethodName,
    Model,
    Repair,
    Resume,
    Sensor,
    chosen,
    opened,
    refuse_output,
)
from unflare.commands.progress import RESUME, progress, stoppable

if TYPE_CHECKING:
    from unflare.cleaning import Method, Summary

EXAMPLES = """Examples:

* unflare clean night.h5 -o night.clean.h5

* unflare clean night.raw -o night.clean.raw --model models/model.safetensors --device cuda

* unflare clean night.npz -o night.clean.npz --keep-background 0.99: remove less, keep 99 % of the background

* unflare clean night.h5 -o night.clean.h5 --resume: go on after an interruption"""


KEEP = (
    "The model's threshold that keeps this share of the background events of its validation scenes, all together: "
    "0.8, 0.9, 0.95, 0.98, 0.99, 0.995 or 0.999."
)


def clean(  # noqa: PLR0913 - a command has as many options as its users need
    recording: In,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="In IN's format; a name in .h5 makes it DSEC's.")
    ],
    model: Model = None,
    method: MethodName = None,
    threshold: Annotated[
        float | None, typer.Option(metavar="P", help="Remove events from this flare probability. Default: the model's.")
    ] = None,
    keep_background: Annotated[float | None, typer.Option(metavar="SHARE", help=KEEP)] = None,
    device: Device = None,
    sensor: Sensor = None,
    repair: Repair = False,
    resume: Resume = False,
    force: Force = False,
) -> None:
    """Write a recording without its flare: the events that stay are those of IN, bit for bit, in the same format."""
    refuse_output(output, recording, force=force)
    from unflare import cleaning
    from unflare.events.copies import format_of_copy

    by = chosen(method, model, device)
    limit = _threshold(by, threshold, keep_background)
    with stoppable(RESUME), opened(recording, sensor, repair=repair) as source, progress("cleaning") as told:
        if (form := format_of_copy(source, output)) != source.format:
            typer.echo(f"{output}: {source.format} is read, {form} is written")
        summary = cleaning.clean(source, output, by, limit, told, resume=resume)
    typer.echo("\n".join(lines(summary)))
    typer.echo(output)


def _threshold(by: "Method", threshold: float | None, keep_background: float | None) -> float:
    if threshold is not None and keep_background is not None:
        raise ValueError("--threshold and --keep-background say the same thing; give one of them")
    if keep_background is not None:
        return by.keeping_background(keep_background)
    found = by.threshold if threshold is None else threshold
    if found is None:
        raise ValueError(f"{by.name}: says no threshold; --threshold gives one")
    if not found >= 0:
        raise ValueError(f"--threshold: expected a probability from 0 on, found {found}")
    return float(found)


def lines(summary: "Summary") -> list[str]:
    """What was done, as a table of lines."""
    s = summary
    removed, off, kept_off = s.events - s.kept, s.events - s.on, s.kept - s.kept_on
    rows = [
        ("events", f"{s.events:,} in {s.duration:.3f} s, {s.on:,} ON and {off:,} OFF"),
        ("kept", f"{s.kept:,}, {_share(s.kept, s.events)}: {s.kept_on:,} ON and {kept_off:,} OFF"),
        ("removed", f"{removed:,}, {_share(removed, s.events)}: {s.on - s.kept_on:,} ON and {off - kept_off:,} OFF"),
        ("speed", f"{s.scored / s.seconds:,.0f} events/s" if s.scored else "scored before the interruption"),
        ("method", f"{s.method}, threshold {s.threshold:.3f}"),
        ("backend", s.backend),
        ("format", s.format),
    ]
    rows += [("not copied", what) for what in s.left_out]
    rows += [("repaired", f"{count:,} {reason}") for reason, count in s.repaired.items()]
    return [f"{name:<11}{value}" for name, value in rows]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "of none"
