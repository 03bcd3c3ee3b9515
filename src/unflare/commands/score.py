"""unflare score"""

from pathlib import Path
from typing import Annotated

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

EXAMPLES = """Examples:

* unflare score night.h5 -o night.scores.npz

* unflare score night.h5 -o night.scores.npz --method pfd_b"""


def score(  # noqa: PLR0913 - a command has as many options as its users need
    recording: In,
    *,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="A name that ends in .npz.")],
    model: Model = None,
    method: MethodName = None,
    device: Device = None,
    sensor: Sensor = None,
    repair: Repair = False,
    resume: Resume = False,
    force: Force = False,
) -> None:
    """Write the flare probability of every event, float32 in IN's order, as the array `probability`."""
    if output.suffix.lower() != ".npz":
        raise ValueError(f"{output}: expected a name that ends in .npz")
    refuse_output(output, recording, force=force)
    from unflare import cleaning

    by = chosen(method, model, device)
    with stoppable(RESUME), opened(recording, sensor, repair=repair) as source, progress("scoring") as told:
        cleaning.write_scores(source, output, by, told, resume=resume)
    typer.echo(output)
