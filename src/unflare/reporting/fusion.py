"""The section on fusion: every rule and proxy against the exact answer."""

from collections.abc import Iterator, Mapping

from unflare.reporting.document import Block, Cell, Table, Text
from unflare.reporting.phrases import Phrases
from unflare.reporting.records import Records, finite, need, stage_file
from unflare.reporting.summary import Material

RULES = ("integrate", "pnl_es", "union")
PARTS = (  # caption, what it means, rows
    ("input", "input_means", ("floor", *RULES)),
    ("light", "light_means", ("integrate", "constant", "integrated")),
    ("kept", "kept_means", ("truth_floor", "truth")),
    ("published", "published_means", ("exact", "floor", *RULES)),
)
EVENTS = {  # measure -> how it is written
    "ratio": "{:.3f}",
    "near": "{:.3f}",
    "correlation": "{:.3f}",
    "error": "{:.3f}",
    "blocks_correlation": "{:.3f}",
    "blocks_error": "{:.3f}",
    "polarity": "{:+.1%}",
    "time": "{:.1f}",
}
METRICS = {
    "chamfer_distance": "{:.3f}",
    "gaussian_distance": "{:.3f}",
    "voxel_mse": "{:.4f}",
    "pmse_2": "{:.4f}",
    "pmse_4": "{:.4f}",
    "rf1": "{:.3f}",
    "tf1": "{:.3f}",
    "tpf1": "{:.3f}",
    "pger": "{:.3f}",
}
LABELS = {"flare": "{:+.1%}", "label": "{:.3f}"}


def fusion(material: Material, say: Phrases) -> Iterator[Block]:
    records = material.records
    yield Text(say("fusion", "intro", cases=records.facts("fusion", "cases"), rule=records.params("scenes", "rule")))
    for name, meaning, rows in PARTS:
        measures = {"kept": EVENTS, "published": METRICS}.get(name, EVENTS | LABELS)
        yield Text(say("fusion", meaning))
        yield _table(records, say, rows, measures, say("fusion", name))


def _table(records: Records, say: Phrases, rows: tuple[str, ...], measures: Mapping[str, str], caption: str) -> Table:
    """A column per stream; a cell is the mean over the cases and, in brackets, their standard deviation."""
    found, used = records.facts("fusion", "rows"), records.params("scenes", "rule")
    streams = {row: need(found, f"{stage_file('fusion')}: facts.rows", row) for row in rows}
    header = [say("fusion", "measure"), *(say.word("fused", row) for row in rows)]
    cells = [
        [
            Cell(say("fusion", measure)),
            *(_cell(stream, measure, form, strong=row == used) for row, stream in streams.items()),
        ]
        for measure, form in measures.items()
    ]
    return Table(header, cells, caption=caption)


def _cell(stream: Mapping[str, Mapping[str, float]], measure: str, form: str, *, strong: bool) -> Cell:
    value = need(stream, f"{stage_file('fusion')}: facts.rows.*", measure)
    mean, spread = (finite(value.get(name), f"{measure}.{name}") for name in ("mean", "spread"))
    return Cell(f"{form.format(mean)} ({form.format(spread).lstrip('+')})", strong=strong)
