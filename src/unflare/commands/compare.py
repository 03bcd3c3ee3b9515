"""unflare compare"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from unflare.reporting.comparison import Snapshot
    from unflare.tracking.archive import Archive

LAST = 10


def compare(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN_ID]...", help=f"Default: the last {LAST} finished runs.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="For table and figure.")] = Path(
        "reports/compare"
    ),
) -> None:
    """Compare runs: parameters, scores, times and memory, as a table and a figure."""
    from unflare import tracking
    from unflare.reporting.comparing import write_comparison

    archive = tracking.read()
    chosen = runs or archive.finished(LAST)[::-1]
    if not chosen:
        raise ValueError("no finished run with records in the store; the `report` stage stores them")
    typer.echo(write_comparison([_snapshot(archive, run) for run in chosen], output))


def _snapshot(archive: "Archive", run: str) -> "Snapshot":
    from unflare.reporting.comparison import snapshot
    from unflare.reporting.records import Records

    with TemporaryDirectory() as root:
        archive.records(run, Path(root))
        return snapshot(Records(Path(root)))
