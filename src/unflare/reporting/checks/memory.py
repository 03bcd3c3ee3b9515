"""Memory against its limit, against its prediction, and over the steps."""

import numpy as np

from unflare.events.stream import Array
from unflare.reporting.checks.verdict import NotApplicable, Status, Verdict, either
from unflare.reporting.records import GIB, STAGES, Impossible, Missing, Records, stage_file

CURVE = "reports/training/memory.csv"
TRAINING = "reports/training/metrics.json"
MIB = 2**20
# Of Student's t, by the number of blocks that a line goes through: 95 % either way at two degrees of freedom less.
QUANTILES = {5: 3.182, 6: 2.776, 7: 2.571, 8: 2.447, 9: 2.365, 10: 2.306}
NOISE = 0.03  # growth, as a share of what is held, that is none


def memory_inside_limit(records: Records) -> Verdict:
    """The peak of every stage, on the host and on the device, against what its guard allowed."""
    used = {(stage, kind): use for stage in STAGES for kind, use in _uses(records, stage).items()}
    stage, kind = max(used, key=lambda place: used[place][0] / used[place][1])
    peak, limit, source = used[stage, kind]
    values = {"stage": stage, "kind": kind, "peak": peak / GIB, "limit": limit / GIB, "source": source}
    return either(peak <= limit), {**values, "share": peak / limit, "stages": len(STAGES)}


def memory_as_predicted(records: Records) -> Verdict:
    """What the guard foresaw against the peak of the training: the guard's own figure or the curve's, the higher."""
    predicted, allowed = (records.trained("guard", name, low=1) for name in ("predicted", "allowed"))
    kind = records.training("guard", "kind")
    curve = records.column(CURVE, {"host": "rss_bytes", "device": "device_peak_bytes"}.get(kind, "rss_bytes"))
    seen = [size or 0.0 for phase, size in zip(_phases(records), curve, strict=True) if _of_training(phase)]
    measured = max([records.trained("guard", "measured", low=1), *seen])
    status: Status = "verified" if measured <= 1.1 * predicted else "warning"
    values = {"kind": kind, "predicted": predicted / GIB, "measured": measured / GIB, "allowed": allowed / GIB}
    return "problem" if measured > allowed else status, values | {"ratio": measured / predicted}


def memory_steady(records: Records) -> Verdict:
    """Slope of resident memory over the second half of the steps.

    By then every kind of step, validation included, has run, and the allocators hold what they need.
    """
    return _steady(records, "rss_bytes")


def device_memory_steady(records: Records) -> Verdict:
    """The same of the device's memory."""
    device = str(records.training("device"))
    if device == "cpu":
        raise NotApplicable("no_device", device=device)
    return _steady(records, "device_bytes")


def slope(steps: Array, values: Array, blocks: int = max(QUANTILES)) -> tuple[float, float]:
    """Bytes a step, and half the width of its 95 % interval, by the method of batch means.

    Neighbouring samples are alike, so that each says little of its own, and the usual error, over single samples, is
    many times too small. The means of ten blocks are close to independent: the line goes through those.
    """
    x, y = (np.array([block.mean() for block in np.array_split(of, blocks)]) for of in (steps, values))
    x, y = x - x.mean(), y - y.mean()
    rise = float(x @ y / (x @ x))
    scatter = float(((y - rise * x) ** 2).sum()) / (blocks - 2)
    return rise, QUANTILES[blocks] * float(np.sqrt(scatter / (x @ x)))


def _steady(records: Records, column: str) -> Verdict:
    steps, values, length = _second_half(records, column)
    blocks = min(max(QUANTILES), len(np.unique(steps)))
    rise, error = slope(steps, values, blocks)
    growth, highest, allowed = rise * length, (rise + error) * length, NOISE * float(values.mean())
    grows = growth > allowed and rise > error
    status: Status = "verified" if highest <= allowed else "problem" if grows else "warning"
    figures = {"slope": rise * 1000 / MIB, "error": error * 1000 / MIB, "growth": growth / MIB}
    return status, figures | {"samples": len(values), "blocks": blocks, "allowed": allowed / MIB}


def _second_half(records: Records, column: str) -> tuple[Array, Array, float]:
    """Steps and bytes of the samples in the second half of the steps, since the last interruption, and its length."""
    rows = zip(_phases(records), records.column(CURVE, "step"), records.column(CURVE, column), strict=True)
    points = [(step or 0.0, size) for phase, step, size in rows if _of_training(phase)]
    first = max((stop.get("step", 0) for stop in records.training("interruptions")), default=0)
    last = max((step for step, _ in points), default=0.0)
    steady = sorted(((step, size) for step, size in points if step > (first + last) / 2), key=lambda point: point[0])
    if len({step for step, _ in steady}) < min(QUANTILES):
        raise Missing(f"{CURVE}: {min(QUANTILES)} steps of steady training")
    steps, sizes = np.array(steady, dtype=float).T
    if not (np.isfinite(sizes) & (sizes > 0)).all():
        raise Impossible(f"{CURVE}: {column}: {sizes.min():g}")
    return steps, sizes, (last - first) / 2


def _phases(records: Records) -> list[str]:
    return [str(row.get("phase")) for row in records.rows(CURVE)]


def _of_training(phase: str) -> bool:
    """Whether steps are made in it; the first ones have phases of their own."""
    return phase == "training" or phase.startswith("batch ")


def _uses(records: Records, stage: str) -> dict[str, tuple[float, float, str]]:
    """Peak and limit in bytes, and where the limit comes from, on the host and, where it was used, on the device."""
    file, peaks = stage_file(stage), records.peaks(stage)
    if stage == "train":
        own = {"host": "rss_peak", "device": "device_peak"}
        peaks = {kind: max(peak, records.trained("memory", own[kind])) for kind, peak in peaks.items()}
    return {
        kind: (
            peak,
            records.number(file, "limit", kind, "bytes", low=1),
            str(records.at(file, "limit", kind, "source")),
        )
        for kind, peak in peaks.items()
    }
