"""Many runs beside each other, from their snapshots: a page, the same in Markdown, and a figure."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unflare.reporting.comparing_figure import draw
from unflare.reporting.comparison import Snapshot
from unflare.reporting.document import Block, Cell, Document, Figure, Heading, Table, Text, to_html, to_markdown
from unflare.reporting.phrases import Phrases
from unflare.reporting.spread import methods
from unflare.reporting.time_tables import part_name

# Sections of a snapshot, what a number of their tables counts in, and the places behind its point.
UNITS = {"scores": (1.0, 4), "training": (1.0, 4), "seconds": (1.0, 1), "step": (1e-3, 2), "memory": (float(2**30), 2)}
RAN = ("scan", "device")  # of the training: words, not numbers


def write_comparison(snapshots: Sequence[Snapshot], folder: Path) -> Path:
    """Writes compare.html, compare.md and compare.svg into `folder`; returns the page.

    Of the parameters only those that differ are shown. Raises ValueError without a run.
    """
    if not snapshots:
        raise ValueError("comparison: expected one run or more, found none")
    folder.mkdir(parents=True, exist_ok=True)
    say, runs, figure = Phrases("en"), named(snapshots), folder / "compare.svg"
    draw(runs, figure)
    title, subtitle = say("compare", "title"), say("compare", "subtitle", count=len(runs))
    document = Document(say.language, title, subtitle, folder, list(_blocks(runs, figure, say)))
    (folder / "compare.md").write_text(to_markdown(document), encoding="utf-8")
    page = folder / "compare.html"
    page.write_text(to_html(document), encoding="utf-8")
    return page


def named(snapshots: Sequence[Snapshot]) -> dict[str, Snapshot]:
    """Runs by name; those that share one also have the beginning of their id, and a number if they share that too."""
    names = [str(snapshot["run"].get("name", number)) for number, snapshot in enumerate(snapshots, start=1)]
    ids = [str(snapshot["run"].get("id", number)) for number, snapshot in enumerate(snapshots, start=1)]
    longer = [f"{name} {id[:6]}" if names.count(name) > 1 else name for name, id in zip(names, ids, strict=True)]
    unique = [f"{name} ({n})" if longer.count(name) > 1 else name for n, name in enumerate(longer, start=1)]
    return dict(zip(unique, snapshots, strict=True))


def differing(snapshots: Sequence[Snapshot]) -> list[str]:
    """Names of the parameters that are not the same in all runs."""
    names = sorted({name for snapshot in snapshots for name in snapshot["params"]})
    first = snapshots[0]["params"]
    return [name for name in names if any(s["params"].get(name) != first.get(name) for s in snapshots)]


def _blocks(runs: Mapping[str, Snapshot], figure: Path, say: Phrases) -> Iterator[Block]:
    yield Heading(say("compare", "runs"), anchor="runs")
    yield Table(
        [say("compare", name) for name in ("run", "id", "scan", "device")],
        [[Cell(name), Cell(f"`{run['run'].get('id', '–')}`"), *_ran(run)] for name, run in runs.items()],
        words=(1, 2, 3),
    )
    yield Figure(figure, say("compare", "caption"))
    yield Heading(say("compare", "parameters"), anchor="parameters")
    changed = differing(list(runs.values()))
    yield _table(runs, "params", changed, say) if changed else Text(say("compare", "same"))
    yield Heading(say("compare", "methods"), anchor="methods")
    yield from methods(runs, say)
    for section in UNITS:
        yield Heading(say("compare", section), anchor=section)
        rows = [name for name in dict.fromkeys(n for run in runs.values() for n in run[section]) if name not in RAN]
        yield _table(runs, section, rows, say) if rows else Text(say("compare", "empty"))


def _table(runs: Mapping[str, Snapshot], section: str, rows: Sequence[str], say: Phrases) -> Table:
    """A column a run, a row a value."""
    label = part_name if section == "step" else lambda _, name: f"`{name}`"
    cells = [
        [Cell(label(say, name)), *(Cell(_text(run[section].get(name), section)) for run in runs.values())]
        for name in rows
    ]
    return Table([say("compare", "name"), *runs], cells)


def _ran(run: Snapshot) -> list[Cell]:
    return [Cell(str(run["training"].get(name, "–"))) for name in RAN]


def _text(value: Any, section: str) -> str:  # noqa: ANN401 (JSON)
    """A number in the unit of its section; parameters stand as in the file."""
    if value is None:
        return "–"
    if section not in UNITS:
        return str(value)
    unit, places = UNITS[section]
    return f"{value:,}" if isinstance(value, int) and unit == 1 else f"{value / unit:,.{places}f}"
