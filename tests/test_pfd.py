"""Features: the table, its symmetries; neither chunks, bands, threads nor the past beyond two windows show."""

import numpy as np
import pytest
import reference

from unflare.events import Events, empty
from unflare.features import FEATURES, PixelState, bands, extract, extraction

WINDOW = 25_000
SHAPES = [(260, 346), (480, 640), (720, 1280)]


def stream(kind: str, shape: tuple[int, int], count: int = 700, seed: int = 0) -> Events:
    """Events on a few pixels, so that they meet; a corner, an edge and the middle of the sensor are among them.

    Those of "borders" are on either side of a border between bands: the first, the second and the last.
    """
    rng = np.random.default_rng(seed)
    height, width = shape
    t = {
        "random": np.sort(rng.integers(0, 8 * WINDOW, count)),
        "dense": np.sort(rng.integers(0, WINDOW, count)),
        "bursts": np.sort(rng.integers(0, 6, count) * 20_000 + rng.integers(0, 300, count)),
        "one pixel": np.sort(rng.integers(0, 4 * WINDOW, count)),
        "borders": np.sort(rng.integers(0, 4 * WINDOW, count)),
        "ties": np.sort(rng.integers(0, 12, count) * 12_500),
    }[kind]
    corner = rng.integers(0, 3, count)
    left, top = np.array([0, width - 4, width // 2])[corner], np.array([0, height - 4, 0])[corner]
    if kind == "borders":
        top = np.array([62, 126, (height - 1) // 64 * 64 - 2])[corner]
    spread = 1 if kind == "one pixel" else 4
    x, y = left + rng.integers(0, spread, count), top + rng.integers(0, spread, count)
    p = rng.integers(0, 2, count)
    return Events(t, x.astype(np.uint16), y.astype(np.uint16), p.astype(np.uint8), shape).checked()


def one(t: list[int], p: list[int], x: list[int] | None = None) -> Events:
    columns = np.array(x or [1] * len(t), np.uint16)
    return Events(np.array(t, np.int64), columns, np.ones(len(t), np.uint16), np.array(p, np.uint8), (3, 4))


def column(events: Events, name: str, window: int = WINDOW) -> np.ndarray:
    return extract(events, PixelState(events.shape), window)[:, FEATURES.index(name)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["random", "dense", "bursts", "one pixel", "borders", "ties"])
def test_the_kernel_is_the_table(kind: str, shape: tuple[int, int]) -> None:
    events = stream(kind, shape)
    found = extract(events, PixelState(shape), WINDOW)
    assert found.dtype == np.float32
    assert np.allclose(found, reference.extract(events, WINDOW), rtol=0, atol=2e-6)


@pytest.mark.parametrize("window", [1, 7, 1_000])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (3, 2)])
def test_the_kernel_is_the_table_for_small_windows_and_sensors(window: int, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    t, p = np.sort(rng.integers(0, 20 * window, 200)), rng.integers(0, 2, 200).astype(np.uint8)
    x, y = rng.integers(0, shape[1], 200).astype(np.uint16), rng.integers(0, shape[0], 200).astype(np.uint16)
    events = Events(t, x, y, p, shape)
    found = extract(events, PixelState(shape), window)
    assert np.allclose(found, reference.extract(events, window), rtol=0, atol=2e-6)


@pytest.mark.parametrize("kind", ["random", "borders"])
@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
def test_chunks_leave_no_trace(size: int, kind: str) -> None:
    events = stream(kind, (480, 640), count=4_001)
    whole = extract(events, PixelState(events.shape), WINDOW)
    state = PixelState(events.shape)
    parts = [extract(events[i : i + size], state, WINDOW) for i in range(0, len(events), size)]
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("kind", ["random", "borders", "ties"])
def test_threads_change_no_bits(kind: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    events = stream(kind, (480, 640), count=10_000)
    whole = extract(events, PixelState(events.shape), WINDOW)
    monkeypatch.setattr(extraction.numba, "get_num_threads", lambda: threads)
    for name, value in {"FEW": 0, "BLOCK": 700, "ROUND": 2_100}.items():  # small enough to matter here
        monkeypatch.setattr(extraction, name, value)
    monkeypatch.setattr(bands, "ROOM", 1)
    assert np.array_equal(extract(events, PixelState(events.shape), WINDOW), whole)


def test_an_empty_chunk_changes_nothing() -> None:
    events = stream("dense", (260, 346))
    state = PixelState(events.shape)
    first = extract(events[:300], state, WINDOW)
    nothing = extract(empty(events.shape), state, WINDOW)
    rest = extract(events[300:], state, WINDOW)
    assert nothing.shape == (0, 13)
    assert np.array_equal(np.concatenate([first, rest]), extract(events, PixelState(events.shape), WINDOW))


def test_nothing_older_than_two_windows_matters() -> None:
    events = stream("random", (260, 346), count=5_000)
    entry = int(events.t[2_500])
    late = events.between(entry - 2 * WINDOW - 1, 10**9)
    expected = extract(events, PixelState(events.shape), WINDOW)[events.t >= entry]
    assert np.array_equal(extract(late, PixelState(events.shape), WINDOW)[late.t >= entry], expected)


def test_the_clock_may_start_anywhere() -> None:
    events = stream("bursts", (260, 346))
    late = events.shifted(10**15 + 7)
    found = extract(late, PixelState(events.shape), WINDOW)
    assert np.array_equal(found, extract(events, PixelState(events.shape), WINDOW))


def test_mirroring_the_sensor_changes_one_sign() -> None:
    events = stream("random", (480, 640))
    height, width = events.shape
    whole = extract(events, PixelState(events.shape), WINDOW)
    for number, mirrored in enumerate(
        [
            Events(events.t, (width - 1 - events.x).astype(np.uint16), events.y, events.p, events.shape),
            Events(events.t, events.x, (height - 1 - events.y).astype(np.uint16), events.p, events.shape),
            Events(events.t, events.x, events.y, 1 - events.p, events.shape),
        ]
    ):
        expected = whole.copy()
        expected[:, number] *= -1
        assert np.array_equal(extract(mirrored, PixelState(events.shape), WINDOW), expected)


def test_the_window_is_closed() -> None:
    assert np.allclose(np.expm1(column(one([0, WINDOW], [0, 1]), "Mf")), [0, 1])
    assert np.allclose(np.expm1(column(one([0, WINDOW + 1], [0, 1]), "Mf")), [0, 0])
    assert np.array_equal(column(one([0, WINDOW], [0, 1]), "balance"), np.float32([1, 0]))
    assert np.array_equal(column(one([0, WINDOW + 1], [0, 1]), "balance"), np.float32([1, 1]))
    assert np.array_equal(column(one([0, WINDOW], [0, 1], x=[1, 2]), "Ne"), np.float32([0, 1 / 8]))
    assert np.array_equal(column(one([0, WINDOW + 1], [0, 1], x=[1, 2]), "Ne"), np.float32([0, 0]))
    assert np.array_equal(column(one([0, 3_000], [1, 0], x=[1, 2]), "agreement"), np.float32([0, -1]))
    assert np.array_equal(column(one([0, 3_001], [1, 0], x=[1, 2]), "agreement"), np.float32([0, 0]))


def test_density_compares_a_cell_with_the_whole_sensor() -> None:
    zeros = np.zeros(5, np.uint16)
    x, t = np.array([0, 15, 16, 31, 32], np.uint16), np.array([0, 0, 0, 0, WINDOW + 1])
    events = Events(t, x, zeros, zeros.astype(np.uint8), (16, 48))  # three cells
    expected = [np.log(2 / (1 + 1 / 3)), np.log(3 / (1 + 2 / 3)), 0, np.log(3 / (1 + 4 / 3)), np.log(2 / (1 + 1 / 3))]
    assert np.allclose(column(events, "density"), expected, atol=1e-6)


def test_what_never_happened_has_the_greatest_age_even_at_time_zero() -> None:
    for name in ("dt", "dt_pixel"):
        assert column(one([0], [1]), name) == 1
        assert column(one([0, 0], [1, 0]), name)[1] == 0
        assert column(one([0, 5 * WINDOW], [1, 0]), name)[1] == 1


def test_an_absurd_burst_stays_finite() -> None:
    count = 40_000
    burst = one([0] * count, [i % 2 for i in range(count)])
    assert np.isfinite(extract(burst, PixelState(burst.shape), WINDOW)).all()


@pytest.mark.parametrize(
    ("events", "window", "sentence"),
    [
        (one([100], [1]), WINDOW, r"the state has seen 200 us, found an event at 100 us"),
        (one([300], [1]), 10_000, r"built with a window of 25000 us, found 10000"),
        (empty((4, 3)), WINDOW, r"the state is of a sensor \(3, 4\), found events of \(4, 3\)"),
        (one([300], [1], x=[4]), WINDOW, r"x must be below the sensor's width 4, found 4"),
    ],
)
def test_a_chunk_that_cannot_follow_is_refused(events: Events, window: int, sentence: str) -> None:
    state = PixelState((3, 4))
    extract(one([200], [1]), state, WINDOW)
    with pytest.raises(ValueError, match=sentence):
        extract(events, state, window)


def test_a_window_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="1 us or more, found 0"):
        extract(one([0], [1]), PixelState((3, 4)), 0)
