"""Whether the clock tells the whole time, and what telling it costs."""

from unflare.reporting.checks.verdict import Status, Verdict, listed
from unflare.reporting.records import STAGES, Impossible, Missing, Records, stage_file

TRAINING = "reports/training/metrics.json"
WORKED = ("forward", "backward", "optimizer")  # no training without them
COVERED, BROKEN = 0.97, 0.9  # shares of the wall; below the second the table says little
CHEAP = 0.01


def covered(records: Records) -> dict[str, float]:
    """Share of the wall time that named parts take, 0..1, of the training and of each stage from the process's start.

    Raises Missing where a stage has no record or does not count its start-up, Impossible where the training worked in
    no time or is longer than its process.
    """
    shares = {"training": _training_share(records)}
    for stage in STAGES:
        file = stage_file(stage)
        parts, total = records.numbers(file, "parts"), records.number(file, "seconds", low=1e-9)
        if "start-up" not in parts:
            raise Missing(f"{file}: parts.start-up")
        shares[stage] = sum(value for part, value in parts.items() if part != "rest") / total
    return shares


def timing_covers_wall(records: Records) -> Verdict:
    """Named parts account for 97 % of the wall time of every stage, from the process's start, and of the training."""
    shares = covered(records)
    short = {name: share for name, share in shares.items() if not COVERED <= share <= 1.001}
    worst = min(shares, key=lambda name: shares[name])
    values = {"worst": worst, "share": shares[worst], "short": listed(short, "{:.1%}")}
    status: Status = "verified" if not short else "problem" if shares[worst] < BROKEN else "warning"
    return status, values


def measuring_is_cheap(records: Records) -> Verdict:
    """Clock, memory samples and tracking together, as calibrated in the run and as the clock itself has them."""
    overhead, seconds = records.numbers(TRAINING, "overhead"), records.numbers(TRAINING, "seconds")
    names = ("borders", "border_seconds", "sampler")
    borders, border, sampler = (records.number(TRAINING, "overhead", name, low=1e-12) for name in names)
    clock = max(borders * border, overhead.get("clock", 0.0))
    counted = {name: max(overhead.get(name, 0.0), seconds.get(name, 0.0)) for name in ("measuring", "tracking")}
    cost = max(clock + sampler + sum(counted.values()), overhead.get("total", 0.0))
    share = max(cost / records.trained("seconds", "total", low=1e-9), overhead.get("share", 0.0))
    values = {"share": share, "seconds": cost, "borders": round(borders), "border": border * 1e6}
    return "verified" if share < CHEAP else "warning", values | {"clock": clock, "sampler": sampler, **counted}


def tracking_is_cheap(records: Records) -> Verdict:
    tracking, total = records.trained("seconds", "tracking"), records.trained("seconds", "total", low=1e-9)
    share = tracking / total
    return "verified" if share < CHEAP else "warning", {"share": share, "seconds": tracking}


def _training_share(records: Records) -> float:
    seconds = records.numbers(TRAINING, "seconds")
    total = records.trained("seconds", "total", low=1e-9)
    parts = {part: value for part, value in seconds.items() if part not in {"rest", "total"}}
    idle = [part for part in WORKED if not parts.get(part)]
    if idle or not parts.get("reading", 0.0) + parts.get("waiting", 0.0):
        raise Impossible(f"{TRAINING}: seconds: 0 in {', '.join(idle) or 'reading and waiting'}")
    if not records.training("interruptions") and total > 1.001 * records.number(stage_file("train"), "seconds"):
        raise Impossible(f"{TRAINING}: seconds.total: longer than the stage that it was part of")
    return sum(parts.values()) / total
