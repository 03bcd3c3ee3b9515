"""What the evaluation says, and whether it can be believed."""

from collections.abc import Mapping

from unflare.reporting.checks.verdict import Verdict, either, graded
from unflare.reporting.records import NO_RIVALS, Missing, Records, finite, need

TRIVIAL = {"keep_all", "drop_all", "chance"}
METRICS = ("f1", "roc_auc")

Row = Mapping[str, float | None]


def beats_baselines(records: Records) -> Verdict:
    """F1 and ROC-AUC on the test scenes, against every rival; one at least filters."""
    table = records.scores("test")
    ours = {metric: _score(table, "test", "unflare", metric) for metric in METRICS}
    rivals = {name: row for name, row in table.items() if name not in NO_RIVALS}
    if not set(rivals) - TRIVIAL:
        raise Missing("reports/evaluation/metrics.json: splits.test has no baseline")
    best = {metric: max(_known(rivals, metric), default=(0.5, "chance")) for metric in METRICS}
    good = all(ours[metric] > best[metric][0] for metric in METRICS)
    values = ours | {f"best_{metric}": f"{name} {value:.3f}" for metric, (value, name) in best.items()}
    return either(good), {**values, "rivals": len(rivals)}


def evaluation_is_sound(records: Records) -> Verdict:
    """The oracle scores 1, keeping everything removes nothing, dropping everything keeps nothing, F1 is what it says.

    F1 is the harmonic mean of precision and recall, of each method that has the three.
    """
    table = records.scores("test")
    oracle = _score(table, "test", "oracle", "f1")
    keep = _score(table, "test", "keep_all", "flare_removed")
    drop = _score(table, "test", "drop_all", "background_kept")
    events = {row.get("events") for row in table.values()}
    gap = max((_f1_gap(name, row) for name, row in table.items()), default=0.0)
    good = oracle > 0.99 and keep == 0 and drop == 0 and gap < 1e-3 and len(events) == 1
    return either(good), {"oracle": oracle, "keep": keep, "drop": drop, "gap": gap}


def output_closer_than_input(records: Records) -> Verdict:
    """Distances to the truth of the cleaned test scenes, both ways, below those of the scenes as they are."""
    ours, given = (_distances(records, name) for name in ("unflare", "keep_all"))
    good = all(ours[metric] < given[metric] for metric in ours)
    values = ours | {f"input_{metric}": value for metric, value in given.items()}
    return "verified" if good else "warning", values


def shipped_weights_unseen(records: Records) -> Verdict:
    """The embedded data of a seed hold the flares and streets that weights of the same seed were trained on."""
    theirs = round(records.number("reports/evaluation/metrics.json", "weights", "shipped", "seed"))
    seed = round(records.number("params.yaml", "seed"))
    shared = theirs == seed and records.facts("prepare", "data_kind") == "embedded"
    return "warning" if shared else "verified", {"theirs": theirs, "seed": seed}


def test_close_to_validation(records: Records) -> Verdict:
    """By ROC-AUC: F1 is higher the more flare there is, whatever the method."""
    splits = ("test", "validation")
    test, validation = (_score(records.scores(split), split, "unflare", "roc_auc") for split in splits)
    gap = abs(test - validation)
    return graded(gap, 0.05, 0.12), {"test": test, "validation": validation, "gap": gap}


def _score(table: Mapping[str, Row], split: str, method: str, metric: str) -> float:
    place = f"{split}.{method}"
    return finite(need(need(table, split, method), place, metric), f"{place}: {metric}", 0, 1)


def _distances(records: Records, method: str) -> dict[str, float]:
    """Means over the test scenes. Raises Missing."""
    place = f"reports/evaluation/metrics.json: splits.test.{method}.overall"
    row = need(records.streams(), place, method)
    return {
        metric: finite(need(need(row, place, metric), f"{place}.{metric}", "mean"), f"{place}.{metric}.mean", 0, high)
        for metric, high in (("chamfer", 100), ("gaussian", 1))
    }


def _known(rivals: Mapping[str, Row], metric: str) -> list[tuple[float, str]]:
    """The scores of this metric; a method that has none (say no precision) is left out."""
    known = ((name, row.get(metric)) for name, row in rivals.items())
    return [(finite(value, f"test.{name}: {metric}", 0, 1), name) for name, value in known if value is not None]


def _f1_gap(method: str, row: Row) -> float:
    """How far F1 is from what precision and recall make it; 0 where one of them is not defined."""
    names = ("precision", "recall", "f1")
    known = [finite(row[name], f"test.{method}: {name}", 0, 1) for name in names if row.get(name) is not None]
    if len(known) < len(names) or known[0] + known[1] == 0:
        return 0.0
    precision, recall, f1 = known
    return abs(f1 - 2 * precision * recall / (precision + recall))
