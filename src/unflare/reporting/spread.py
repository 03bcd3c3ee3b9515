"""Every method over several runs: its means, the spread between the runs, and in how many of them ours is ahead."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean, stdev

from unflare.reporting.comparison import Snapshot
from unflare.reporting.document import Block, Cell, Table, Text
from unflare.reporting.phrases import Phrases
from unflare.reporting.records import NO_RIVALS, OURS
from unflare.reporting.tables import standing

EVENTS = dict.fromkeys(("f1", "roc_auc", "average_precision"), "{:.3f}")
EVENTS |= dict.fromkeys(("background_kept", "flare_removed"), "{:.1%}")
STREAMS = {"chamfer": "{:.2f}", "gaussian": "{:.3f}", "pger": "{:.2f}", "clock_mse": "{:.4f}", "clock_rf1": "{:.3f}"}
BETTER = {"f1": 1, "roc_auc": 1, "chamfer": -1}  # what ours is held against others by: 1, more is better

Rows = Sequence[Mapping[str, Mapping[str, float]]]  # run, method, metric


def methods(runs: Mapping[str, Snapshot], say: Phrases) -> Iterator[Block]:
    """Tables of the methods, those of the best F1 first, by all test scenes of each run."""
    scored = [run for run in runs.values() if run["methods"]]
    if not scored:
        yield Text(say("compare", "empty"))
        return
    yield Text(say("compare", "methods_means", count=len(scored)))
    newest = scored[-1]["weights"].get("shipped")
    if any(run["weights"].get("shipped") != newest for run in scored):
        yield Text(say("compare", "other_weights", digest=newest or "–"))
    rows = [_of_weights(run, newest) for run in scored]
    names = _ranked(rows)
    for group, forms in (("results", EVENTS), ("streams", STREAMS)):
        cells = [[_text(rows, name, metric, form) for metric, form in forms.items()] for name in names]
        yield _table(names, [say(group, metric) for metric in forms], cells, say)
    cells = [[_ahead(rows, ours, name) for ours in OURS] for name in names]
    yield _table(names, [say("compare", "ahead", method=say.word("methods", ours)) for ours in OURS], cells, say)


def _of_weights(run: Snapshot, digest: str | None) -> Mapping[str, Mapping[str, float]]:
    """The methods of a run; without the package's weights where those were others."""
    same = run["weights"].get("shipped") == digest
    return {name: row for name, row in run["methods"].items() if same or name != "shipped"}


def _table(names: Sequence[str], header: Sequence[str], texts: Sequence[Sequence[str]], say: Phrases) -> Table:
    """A row a method, but for those that have none of the figures."""
    cells = [
        [Cell(text, strong=name == "unflare") for text in (say.word("methods", name), *row)]
        for name, row in zip(names, texts, strict=True)
        if set(row) != {"–"}
    ]
    return Table([say("results", "method"), *header], cells)


def _ranked(rows: Rows) -> list[str]:
    names = dict.fromkeys(name for run in rows for name in run)
    return sorted(names, key=lambda name: (standing(name), -mean(_values(rows, name, "f1") or [0.0])))


def _values(rows: Rows, method: str, metric: str) -> list[float]:
    return [run[method][metric] for run in rows if metric in run.get(method, {})]


def _text(rows: Rows, method: str, metric: str, form: str) -> str:
    """Mean and standard deviation over the runs, and of how many where it is not all."""
    values = _values(rows, method, metric)
    if not values:
        return "–"
    spread = f" ({form.format(stdev(values))})" if len(values) > 1 else ""
    return form.format(mean(values)) + spread + (f" [{len(values)}]" if len(values) < len(rows) else "")


def _ahead(rows: Rows, ours: str, method: str) -> str:
    """In how many runs one of ours is strictly better, by F1, ROC-AUC and Chamfer distance, of those that have both."""
    if method in NO_RIVALS:
        return "–"
    pairs = {
        metric: [
            (run[ours][metric] - run[method][metric]) * sign
            for run in rows
            if metric in run.get(ours, {}) and metric in run.get(method, {})
        ]
        for metric, sign in BETTER.items()
    }
    if not any(pairs.values()):
        return "–"
    return ", ".join(f"{sum(gap > 0 for gap in gaps)}/{len(gaps)}" if gaps else "–" for gaps in pairs.values())
