"""How far a stream is from the exact one: counts, suppression, polarity, time and labels."""

from dataclasses import dataclass

import numpy as np

from unflare.events import Array, Events

BLOCK = 4  # pixels, square: in it averages out what a pixel holds at the start, which is chance


@dataclass(frozen=True)
class Labelled:
    """Events, and the flare's share in each, float32 (n,)."""

    events: Events
    flare: Array


def nearness(exact: Labelled, found: Labelled, near: Array, duration: int) -> dict[str, float]:
    """Measures of a stream against the exact one; neither may be empty.

    ratio         events, over those of the exact stream
    near          the same over the pixels near the flare, bool (h, w); 1 where there is none of either
    correlation   of the two maps of counts per pixel
    error         sum of |difference| of those maps, over the exact events
    blocks_*      both over blocks of 4 x 4 pixels
    polarity      share of ON events, minus that of the exact stream
    time          milliseconds from an event to the nearest one of the other stream with its pixel and polarity, the
                  mean of both ways; `duration`, in us, where there is none
    flare         mean label, minus that of the exact stream
    label         mean |difference| of the blocks' mean labels, by exact events; blocks where both have events
    """
    a, b = exact.events, found.events
    counts, fine = [_map(stream) for stream in (a, b)], {}
    for name, maps in (("", counts), ("blocks_", [blocks(one) for one in counts])):
        fine[f"{name}correlation"] = float(np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1])
        fine[f"{name}error"] = float(np.abs(maps[0] - maps[1]).sum() / len(a))
    beside = [one[near].sum() for one in counts]
    distances = [nearest(one, other, duration).mean() for one, other in ((a, b), (b, a))]
    return fine | {
        "ratio": len(b) / len(a),
        "near": float(beside[1] / beside[0]) if beside[0] else 1.0,
        "polarity": float(b.p.mean() - a.p.mean()),
        "time": float(np.mean(distances)) / 1000,
        "flare": float(found.flare.mean() - exact.flare.mean()),
        "label": label_error(exact, found),
    }


def blocks(pixels: Array) -> Array:
    """Sums over blocks, from the upper left; what is left over at the lower and right border is left out."""
    rows, columns = (side // BLOCK for side in pixels.shape)
    whole = pixels[: rows * BLOCK, : columns * BLOCK]
    return np.asarray(whole.reshape(rows, BLOCK, columns, BLOCK).sum(axis=(1, 3)))


def label_error(exact: Labelled, found: Labelled) -> float:
    counts, sums = (
        [blocks(_map(one.events, weights)) for one, weights in ((exact, w[0]), (found, w[1]))]
        for w in ((None, None), (exact.flare, found.flare))
    )
    both = (counts[0] > 0) & (counts[1] > 0)
    apart = np.abs(sums[0][both] / counts[0][both] - sums[1][both] / counts[1][both])
    return float(np.average(apart, weights=counts[0][both])) if both.any() else 1.0


def nearest(events: Events, others: Events, farthest: int) -> Array:
    """Microseconds from each event to the nearest other of its pixel and polarity, int64 (n,), at most `farthest`."""
    span = 2 * farthest + 1 + int(max(events.t.max(), others.t.max()))  # so that no other pixel's event comes nearer
    key, other = (np.sort(_place(one) * span + one.t) for one in (events, others))
    index = np.searchsorted(other, key)
    before = key - other[np.maximum(index - 1, 0)]
    after = other[np.minimum(index, len(other) - 1)] - key
    distance: Array = np.minimum(np.minimum(np.abs(before), np.abs(after)), farthest)
    return distance


def _place(events: Events) -> Array:
    """One number per pixel and polarity, int64 (n,)."""
    pixel = events.y.astype(np.int64) * events.shape[1] + events.x
    return np.asarray(2 * pixel + events.p)


def _map(events: Events, weights: Array | None = None) -> Array:
    """Events per pixel, or the sums of their weights, float64 (h, w)."""
    height, width = events.shape
    pixel = events.y.astype(np.int64) * width + events.x
    return np.bincount(pixel, weights, height * width).reshape(height, width).astype(np.float64)
