"""What has changed since the run before this one."""

from collections.abc import Iterator, Mapping
from typing import Any

from unflare.reporting.comparison import Snapshot, snapshot
from unflare.reporting.document import Block, Cell, Table, Text
from unflare.reporting.phrases import Phrases
from unflare.reporting.records import GIB, Missing
from unflare.reporting.summary import Material
from unflare.reporting.tables import SCORES
from unflare.reporting.time_tables import part_name

PREVIOUS = "reports/previous.json"


def previous(material: Material, say: Phrases) -> Iterator[Block]:
    """The finished run before this one in the store, or why there is none."""
    before = material.records.at(PREVIOUS)
    if "none" in before:
        yield Text(say("previous", "none", reason=before["none"]))
        return
    now = snapshot(material.records)
    yield Text(say("previous", "intro", name=before["run"].get("name", "?"), id=before["run"].get("id", "?")))
    changed = changes(before, now)
    yield _changed(changed, say) if changed else Text(say("previous", "same_parameters"))
    yield _scores(before, now, say)
    yield from _amounts(before, now, say)


def changes(before: Snapshot, now: Snapshot) -> dict[str, tuple[Any, Any]]:
    """Parameters that differ, by name: (before, now); one that only one of the runs has is None in the other."""
    names = sorted({*before["params"], *now["params"]})
    pairs = {name: (before["params"].get(name), now["params"].get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _changed(changed: Mapping[str, tuple[Any, Any]], say: Phrases) -> Table:
    rows = [[Cell(f"`{name}`"), *(Cell("–" if v is None else str(v)) for v in pair)] for name, pair in changed.items()]
    header = [say("previous", name) for name in ("parameter", "before", "now")]
    return Table(header, rows, caption=say("previous", "parameters"))


def _scores(before: Snapshot, now: Snapshot, say: Phrases) -> Table:
    """Scores of both runs, and by how much the one of now is higher."""
    pairs = {say("results", name): (before["scores"].get(name), now["scores"].get(name)) for name in SCORES}
    losses = ("train_loss_last", "validation_loss")
    pairs |= {f"`{name}`": (before["training"].get(name), now["training"].get(name)) for name in losses}
    rows = [
        [Cell(name), Cell(f"{old:.4f}"), Cell(f"{new:.4f}"), Cell(f"{new - old:+.4f}")]
        for name, (old, new) in pairs.items()
        if old is not None and new is not None
    ]
    if not rows:
        raise Missing(f"{PREVIOUS}: scores")
    header = [say("previous", name) for name in ("score", "before", "now", "difference")]
    return Table(header, rows, caption=say("previous", "scores"))


def _amounts(before: Snapshot, now: Snapshot, say: Phrases) -> Iterator[Block]:
    """Seconds of the stages, milliseconds of a step by component, and memory, each with its ratio."""
    units = {"seconds": ("s", 1.0), "step": ("ms", 1e-3), "memory": ("GiB", float(GIB))}
    for section, (unit, size) in units.items():
        rows = []
        for name, new in now[section].items():
            old = before[section].get(name)
            if old is not None and max(old, new) > 0:
                values = [f"{old / size:.2f} {unit}", f"{new / size:.2f} {unit}", f"{new / old:.2f} ×" if old else "–"]
                label = part_name(say, name) if section == "step" else f"`{name}`"
                rows.append([Cell(label), *map(Cell, values)])
        if rows:
            header = [say("previous", name) for name in ("part", "before", "now", "ratio")]
            yield Table(header, rows, caption=say("previous", section))
