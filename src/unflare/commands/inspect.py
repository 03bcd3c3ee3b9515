"""unflare inspect"""

from typing import TYPE_CHECKING

import typer

from unflare.commands.opening import In, Repair, Sensor, opened
from unflare.commands.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from unflare.events import Recording

EXAMPLES = """Examples:

* unflare inspect night.h5

* unflare inspect night.csv --sensor 346x260

* unflare inspect damaged.raw --repair: what could still be read"""


def inspect(recording: In, *, sensor: Sensor = None, repair: Repair = False) -> None:
    """Look at every event of a file: what it is, how many there are, how fast they come, what is wrong."""
    with opened(recording, sensor, repair=repair) as source, progress("reading") as told:
        on = _on(source, told)
        seconds = source.duration / 1e6
        height, width = source.shape
        rows = [
            ("format", source.format),
            ("sensor", f"{width}x{height}"),
            ("events", f"{source.count:,}"),
            ("duration", f"{seconds:.6f} s"),
            ("begins", f"{(source.origin + source.start) / 1e6:.6f} s on the file's clock"),
            ("rate", f"{source.count / seconds:,.0f} events/s" if seconds else "no events"),
            ("ON", f"{on:,}, {on / source.count:.1%}" if source.count else "no events"),
        ]
        rows += [("also holds", what) for what in source.beside]
        problems = [f"{count:,} {reason}" for reason, count in source.repaired.items()]
        rows += [("problems", problem) for problem in problems or ["none"]]
    typer.echo("\n".join(f"{name:<11}{value}" for name, value in rows))


def _on(source: "Recording", told: "Callable[[int, int], None]") -> int:
    """ON events; every other value is looked at on the way."""
    on = done = 0
    for chunk in source.chunks():
        on, done = on + int(chunk.p.sum(dtype=int)), done + len(chunk)
        told(done, source.count)
    return on
