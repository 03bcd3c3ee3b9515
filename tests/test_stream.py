"""Laws of the event stream."""

import numpy as np
import pytest

from unflare.events import Events, empty, merge
from unflare.events.stream import DTYPES

SHAPE = (12, 20)


def made(seed: int, count: int = 200, latest: int = 60) -> Events:
    """Events with many ties: `count` of them in `latest` microseconds."""
    rng = np.random.default_rng(seed)
    height, width = SHAPE
    return Events(
        np.sort(rng.integers(0, latest, count)),
        rng.integers(0, width, count).astype(np.uint16),
        rng.integers(0, height, count).astype(np.uint16),
        rng.integers(0, 2, count).astype(np.uint8),
        SHAPE,
    )


def rows(events: Events) -> list[tuple[int, ...]]:
    return list(zip(*(getattr(events, name).tolist() for name in DTYPES), strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_between_is_the_mask(seed: int) -> None:
    events = made(seed)
    start, stop = np.sort(np.random.default_rng(seed).integers(-5, 70, 2)).tolist()
    assert rows(events.between(start, stop)) == rows(events[(events.t >= start) & (events.t < stop)])


def test_windows_side_by_side_lose_and_repeat_nothing() -> None:
    events = made(0)
    windows = [rows(events.between(start, start + 7)) for start in range(0, 70, 7)]
    assert [row for window in windows for row in window] == rows(events)


def test_shifting_there_and_back_is_nothing() -> None:
    assert rows(made(0).shifted(1000).shifted(-1000)) == rows(made(0))


def test_merging_is_a_stable_sort_of_everything() -> None:
    streams = [made(seed) for seed in range(3)]
    merged, source = merge(*streams)
    tagged = [(row, number) for number, stream in enumerate(streams) for row in rows(stream)]
    assert list(zip(rows(merged), source.tolist(), strict=True)) == sorted(tagged, key=lambda pair: pair[0][0])


def test_a_stream_comes_back_out_of_a_merge() -> None:
    first, second = made(1), made(2)
    merged, source = merge(first, second)
    assert rows(merged[source == 0]) == rows(first)
    assert rows(merged[source == 1]) == rows(second)


def test_merging_with_nothing_changes_nothing() -> None:
    merged, source = merge(made(1), empty(SHAPE))
    assert rows(merged) == rows(made(1))
    assert not source.any()


def test_streams_of_two_sensors_do_not_merge() -> None:
    with pytest.raises(ValueError, match="one sensor"):
        merge(empty((4, 5)), empty((5, 4)))


@pytest.mark.parametrize("name", DTYPES)
def test_another_dtype_or_length_is_refused(name: str) -> None:
    good = {key: getattr(made(0), key) for key in DTYPES}
    with pytest.raises(ValueError, match=f"{name} must be"):
        Events(**good | {name: good[name].astype(np.float32)}, shape=SHAPE)
    with pytest.raises(ValueError, match="one length"):
        Events(**good | {name: good[name][1:]}, shape=SHAPE)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("t", -1, "negative|back"),
        ("t", 10**6, "back"),
        ("x", 20, "width 20"),
        ("y", 12, "height 12"),
        ("p", 2, "0 or 1"),
    ],
)
@pytest.mark.parametrize("place", [0, 57])
def test_a_value_out_of_range_is_refused(name: str, value: int, said: str, place: int) -> None:
    events = made(0)
    assert events.checked() is events
    getattr(events, name)[place] = value
    with pytest.raises(ValueError, match=said):
        events.checked()
