"""unflare report"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer


def report(
    run: Annotated[str, typer.Argument(metavar="RUN_ID", help="The run, as MLflow or models/run.json names it.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Default: report-<first 8 of the id>.")
    ] = None,
) -> None:
    """Rebuild the report of any run from its records in the store."""
    from unflare import tracking
    from unflare.events import aside
    from unflare.reporting.writing import write_report

    archive = tracking.read()
    identity = archive.find(run)
    folder = output or Path(f"report-{identity[:8]}")
    if folder.exists():
        raise ValueError(f"{folder} is already there; name another place with -o")
    with aside(folder) as temporary, TemporaryDirectory(dir=_made(folder.parent)) as root:
        archive.records(identity, Path(root))
        write_report(Path(root))
        (Path(root) / "reports").rename(temporary)
    typer.echo(folder / "report.en.html")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
