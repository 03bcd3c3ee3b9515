"""Where the time went that something else could have had."""

import math
from typing import Any

from unflare.reporting.checks.timing import covered
from unflare.reporting.records import Missing, Records, stage_file

LONG = 10.0  # seconds below which a stage is not worth a change


def loaders(records: Records) -> tuple[bool, dict[str, Any]]:
    """Time spent on batches, by this process or waiting for others, that loader processes would take over."""
    seconds, used = _training(records), round(records.trained("loaders"))
    spent = seconds.get("reading", 0.0) + seconds.get("waiting", 0.0)
    share = spent / seconds["total"]
    work = records.trained("loader_seconds") if used else seconds.get("reading", 0.0)
    cores = round(records.number(stage_file("train"), "machine", "cores", low=1))
    enough = math.ceil(work / max(1e-9, seconds["total"] - spent))
    wanted = min(cores, max(used + 1, enough))
    return share > 0.1 and used < wanted, {"share": share, "seconds": spent, "used": used, "loaders": wanted}


def features(records: Records) -> tuple[bool, dict[str, Any]]:
    """The share of the pipeline's wall that goes into features."""
    walls = {stage: records.number(stage_file(stage), "seconds", low=1e-9) for stage in records.stages()}
    if "featurize" not in walls:
        raise Missing(stage_file("featurize"))
    seconds, share = walls["featurize"], walls["featurize"] / sum(walls.values())
    kernel = records.at(stage_file("featurize"), "implementations", "features")
    return share > 0.4 and seconds > LONG, {"share": share, "seconds": seconds, "kernel": kernel}


def workers(records: Records) -> tuple[bool, dict[str, Any]]:
    """The stage whose worker processes had least to do: the share of their time in which they worked."""
    used = {}
    for stage in ("sample", "synthesize"):
        file = stage_file(stage)
        if records.has(file, "workers"):
            processes = round(records.number(file, "workers", "processes", low=1))
            wall = records.number(file, "seconds", low=1e-9)
            used[stage] = (
                sum(records.numbers(file, "workers", "seconds").values()) / (processes * wall),
                processes,
                wall,
            )
    if not used:
        raise Missing(f"{stage_file('synthesize')}: workers")
    stage = min(used, key=lambda name: used[name][0])
    share, processes, wall = used[stage]
    due = share < 0.6 and processes > 1 and wall > LONG
    return due, {"stage": stage, "share": share, "processes": processes, "seconds": wall}


def tracking(records: Records) -> tuple[bool, dict[str, Any]]:
    seconds = _training(records)
    share = seconds.get("tracking", 0.0) / seconds["total"]
    return share > 0.01, {"share": share, "seconds": seconds.get("tracking", 0.0)}


def unaccounted(records: Records) -> tuple[bool, dict[str, Any]]:
    """The stage, or the training, with the largest share of its wall in no named part."""
    shares = covered(records)
    where = min(shares, key=lambda name: shares[name])
    return shares[where] < 0.97, {"where": where, "share": max(0.0, 1 - shares[where])}


def validation(records: Records) -> tuple[bool, dict[str, Any]]:
    seconds = _training(records)
    share = seconds.get("validation", 0.0) / seconds["total"]
    every = round(records.number("params.yaml", "training", "validate_every", low=1))
    windows = round(records.number("params.yaml", "training", "validation_windows", low=1))
    return share > 0.2, {"share": share, "every": every, "windows": windows}


def _training(records: Records) -> dict[str, float]:
    seconds = records.numbers("reports/training/metrics.json", "seconds")
    return seconds | {"total": records.trained("seconds", "total", low=1e-9)}
