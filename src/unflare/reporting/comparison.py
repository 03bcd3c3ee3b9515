"""What two runs can be compared by: parameters, scores, times and memory of one run, in a small dictionary."""

from typing import Any

from unflare.params import flat
from unflare.reporting.records import STAGES, Missing, Records

Snapshot = dict[str, dict[str, Any]]


def snapshot(records: Records) -> Snapshot:
    """Sections `run`, `params`, `scores`, `methods`, `weights`, `training`, `seconds`, `step` and `memory`.

    One without records is empty.
    """
    found: Snapshot = {}
    for section in (_run, _params, _scores, _methods, _weights, _training, _seconds, _step, _memory):
        try:
            found[section.__name__.strip("_")] = section(records)
        except Missing:
            found[section.__name__.strip("_")] = {}
    return found


def _run(records: Records) -> dict[str, Any]:
    return dict(records.at("models/run.json"))


def _params(records: Records) -> dict[str, Any]:
    return flat(records.params())


def _scores(records: Records) -> dict[str, Any]:
    """Of the network on all test scenes."""
    methods = records.scores("test")
    if "unflare" not in methods:
        raise Missing("reports/evaluation/metrics.json: splits.test.unflare")
    return {name: value for name, value in methods["unflare"].items() if value is not None}


def _methods(records: Records) -> dict[str, Any]:
    """Of every method, all numbers over all test scenes: scores of events, means of streams."""
    scores, streams = records.scores("test"), records.streams()
    return {
        name: {metric: value for metric, value in scores.get(name, {}).items() if value is not None}
        | {metric: row["mean"] for metric, row in streams.get(name, {}).items() if row.get("mean") is not None}
        for name in sorted({*scores, *streams})
    }


def _weights(records: Records) -> dict[str, Any]:
    """Digest of each network that was scored."""
    found = records.at("reports/evaluation/metrics.json", "weights")
    return {name: one["weights"] for name, one in found.items()}


def _training(records: Records) -> dict[str, Any]:
    names = ("parameters", "scan", "device", "steps", "train_loss_last", "events_per_second")
    return {name: records.training(name) for name in names} | {"validation_loss": records.training("best", "loss")}


def _seconds(records: Records) -> dict[str, Any]:
    """Wall seconds of each stage that ran."""
    ran = (stage for stage in STAGES if records.has(f"reports/stages/{stage}.json", "seconds"))
    return {stage: records.number(f"reports/stages/{stage}.json", "seconds") for stage in ran}


def _step(records: Records) -> dict[str, Any]:
    """Seconds of a training step by component, `total` in all."""
    steps = records.training("steps")
    return {part: seconds / steps for part, seconds in records.training("seconds").items()}


def _memory(records: Records) -> dict[str, Any]:
    return dict(records.training("memory"))
