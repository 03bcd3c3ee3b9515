"""unflare reproduce"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer


def reproduce(
    run: Annotated[str, typer.Argument(metavar="RUN_ID", help="The run, as MLflow or models/run.json names it.")],
    patch: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save what its code differed by from the commit, and no more.")
    ] = None,
) -> None:
    """Print the commands that make a run again: commit, changed code, parameters, device."""
    from unflare import tracking
    from unflare.events import aside
    from unflare.tracking.reproduce import PATCH

    archive = tracking.read()
    if patch:
        with aside(patch) as temporary, TemporaryDirectory() as folder:
            temporary.write_bytes(archive.file(run, PATCH, Path(folder)).read_bytes())
        return
    commands = archive.tag(run, "reproduce")
    if commands is None:
        raise ValueError(f"the run {run} does not say how it was made; it was not made by the pipeline")
    typer.echo(commands)
