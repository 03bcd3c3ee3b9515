"""Which time is shown, and how slowly. All times are microseconds since a view's beginning."""

import numpy as np

from unflare.events import Array
from unflare.preview.view import View

RATE = 25  # frames a second of a video
FRAME = 1_000_000 // RATE
FILM = 10_000_000  # how long a video lasts where nobody asks for more
SLOWEST = 40  # times slower than life: a millisecond a frame
PICTURE = 20_000  # of events in a picture


def moment(view: View, start: int | None, duration: int | None) -> tuple[int, int]:
    """What a picture shows: from `start` on, else around the time by which half of the events have come, from a whole
    millisecond on. Raises ValueError of one sentence."""
    length = min(_positive(duration, "duration") or PICTURE, view.duration)
    if start is None:
        start = max(0, min(view.middle() - length // 2, view.duration - length)) // 1000 * 1000
    first = _inside(view, start)
    return first, min(first + length, view.duration)


def frames(view: View, start: int | None, duration: int | None, slow: float | None) -> Array:
    """The borders of a video's frames, int64 (frames + 1,): each event of the time shown is in exactly one.

    Without `duration` as much as fits into FILM, without `slow` as slowly as that allows, up to SLOWEST. Raises
    ValueError of one sentence.
    """
    first = _inside(view, start or 0)
    if slow is not None and not 0 < slow <= FRAME:
        raise ValueError(f"slow: expected more than 0 and at most {FRAME}, found {slow:g}")
    length = min(_positive(duration, "duration") or int(FILM / (slow or 1)), view.duration - first)
    slow = slow or min(SLOWEST, max(1, FILM // length))
    count = np.ceil(round(length * slow / FRAME, 6))
    return first + np.append(np.arange(count) * FRAME / slow, length).astype(np.int64)


def _inside(view: View, start: int) -> int:
    if not 0 <= start < view.duration:
        raise ValueError(f"start: expected 0 to {view.duration / 1000:g} ms, found {start / 1000:g}")
    return start


def _positive(value: int | None, name: str) -> int | None:
    if value is not None and value <= 0:
        raise ValueError(f"{name}: expected a time above 0 ms, found {value / 1000:g}")
    return value
