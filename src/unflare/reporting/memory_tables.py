"""Tables of memory, host and device."""

from itertools import pairwise

from unflare.reporting.document import Cell, Table
from unflare.reporting.phrases import Phrases
from unflare.reporting.records import GIB, Missing, Records, stage_file

CURVE = "reports/training/memory.csv"
KINDS = {"host": ("rss_bytes", "rss_bytes"), "device": ("device_bytes", "device_peak_bytes")}  # held, and its peak


def phase_table(records: Records, say: Phrases) -> Table:
    """Memory in the phases of the training; growth is from the end of one phase to the end of the next."""
    names = list(dict.fromkeys(row["phase"] for row in records.rows(CURVE)))
    columns = {kind: _by_phase(records, held, peak) for kind, (held, peak) in KINDS.items() if _used(records, held)}
    rows = [[Cell(name)] for name in names]
    header = [say("memory", "phase")]
    for kind, phases in columns.items():
        header += [f"{say('kinds', kind)} · {say('memory', name)}" for name in ("start", "peak", "growth")]
        growths = ["–", *(f"{(after[2] - before[2]) / GIB:+.3f}" for before, after in pairwise(phases.values()))]
        for row, (start, peak, _), growth in zip(rows, phases.values(), growths, strict=True):
            row += [Cell(f"{start / GIB:.3f}"), Cell(f"{peak / GIB:.3f}"), Cell(growth)]
    for row, name in zip(rows, names, strict=True):
        row.append(Cell(str(sum(line["phase"] == name for line in records.rows(CURVE)))))
    return Table([*header, say("memory", "samples")], rows, caption=say("memory", "by_phase"))


def stage_memory_table(records: Records, say: Phrases) -> Table:
    """Peak of each stage against what its guard allowed."""
    rows = []
    for stage in records.stages():
        rows += [_peak(records, say, stage, kind, peak) for kind, peak in records.peaks(stage).items()]
    header = [say("time", "stage"), *(say("memory", name) for name in ("where", "peak", "limit", "used", "source"))]
    return Table(header, rows, words=(1, 5), caption=say("memory", "by_stage"))


def guard_table(records: Records, say: Phrases) -> Table:
    """What the guard foresaw, allowed and saw."""
    guard = records.training("guard")
    batch = records.params("training", "batch")
    sizes = {name: guard[name] for name in ("allowed", "base", "predicted", "measured")}
    values = {name: "–" if size is None else f"{size / GIB:.2f} GiB" for name, size in sizes.items()}
    values |= {"bytes_per_event": f"{guard['bytes_per_event'] / 2**10:,.1f} KiB", "batch": str(batch)}
    values |= {"largest_batch": f"{guard['largest_batch']:,}"}
    rows = [[Cell(say("guard", name)), Cell(value)] for name, value in values.items()]
    return Table([say("guard", "item"), say("kinds", guard["kind"])], rows)


def _peak(records: Records, say: Phrases, stage: str, kind: str, peak: float) -> list[Cell]:
    place = [Cell(f"`{stage}`"), Cell(say("kinds", kind)), Cell(f"{peak / GIB:.2f}")]
    file = stage_file(stage)
    if not records.has(file, "limit", kind):
        return [*place, *(Cell("–") for _ in range(3))]
    limit = records.number(file, "limit", kind, "bytes", low=1)
    share = Cell(f"{peak / limit:.1%}", share=min(1.0, peak / limit))
    return [
        *place,
        Cell(f"{limit / GIB:.2f}"),
        share,
        Cell(say.word("sources", records.at(file, "limit", kind, "source"))),
    ]


def _by_phase(records: Records, held: str, peak: str) -> dict[str, tuple[float, float, float]]:
    """Bytes at the start of each phase, its peak, and bytes at its end, in the order in which phases first appear."""
    try:
        peaks = records.column(CURVE, peak)
    except Missing:
        peaks = records.column(CURVE, held)
    phases: dict[str, tuple[float, float, float]] = {}
    names = (row["phase"] for row in records.rows(CURVE))
    for name, now, high in zip(names, records.column(CURVE, held), peaks, strict=True):
        here, most = now or 0.0, high or 0.0
        start, highest, _ = phases.get(name, (here, most, here))
        phases[name] = (start, max(highest, most), here)
    return phases


def _used(records: Records, held: str) -> bool:
    return any(records.column(CURVE, held))
