"""What the machine would still have had to give."""

from typing import Any

from unflare.reporting.records import GIB, Impossible, Missing, Records, finite

GAIN = 1.2  # in events a second, from which a larger batch is worth a thought
RISES = 1.1  # in events a second, from one measured batch to the next


def batch(records: Records) -> tuple[bool, dict[str, Any]]:
    """The fastest batch that was measured and that the guard would let through."""
    rates, fits = _rates(records), records.trained("guard", "largest_batch")
    now = round(records.number("params.yaml", "training", "batch", low=1))
    if now not in rates:
        raise Missing(f"reports/training/metrics.json: scaling: batch {now}")
    best = max((size for size in rates if size <= max(fits, now)), key=lambda size: rates[size])
    ratio = rates[best] / rates[now]
    return best > now and ratio > GAIN, {"batch": now, "best": best, "ratio": ratio, "rate": rates[best]}


def device(records: Records) -> tuple[bool, dict[str, Any]]:
    """Whether the device was full at the largest batch that was measured: its throughput no longer rises."""
    used = str(records.training("device"))
    sizes = sorted(_rates(records).items())
    if not used.startswith("cuda") or len(sizes) < 2:
        raise Missing("reports/training/metrics.json: scaling on a device")
    (smaller, slower), (larger, faster) = sizes[-2:]
    return faster / slower > RISES, {"ratio": faster / slower, "smaller": smaller, "larger": larger, "device": used}


def headroom(records: Records) -> tuple[bool, dict[str, Any]]:
    """How many times the batch would fit into what the guard allows."""
    fits, allowed = records.trained("guard", "largest_batch"), records.trained("guard", "allowed", low=1)
    now = round(records.number("params.yaml", "training", "batch", low=1))
    measured = records.trained("guard", "measured")
    values = {"batch": now, "largest": round(fits), "measured": measured / GIB, "allowed": allowed / GIB}
    return fits >= 4 * now, values


def _rates(records: Records) -> dict[int, float]:
    """Events a second by batch."""
    place = "reports/training/metrics.json: scaling"
    rows = records.training("scaling")
    if not isinstance(rows, list) or not rows:
        raise Missing(place)
    try:
        return {round(finite(row["batch"], place, 1)): finite(row["events_per_second"], place, 1e-9) for row in rows}
    except (KeyError, TypeError) as error:
        raise Impossible(f"{place}: {error}") from error
