"""The features by sorting: bit for bit those of the CPU's kernel, on any device and in any chunks."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from test_pfd import SHAPES, WINDOW, one, stream

from unflare.events import Array, Events, empty
from unflare.features import VERSION, PixelState, ordered, sorting
from unflare.features import extract as on_cpu
from unflare.features.columns import Columns, on_device
from unflare.features.sorting import SortedState, extract

NO_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
FORMS = ["cpu", *(pytest.param(form, marks=[pytest.mark.gpu, NO_CUDA]) for form in ("cuda", "cuda, plain"))]
on_every_form = pytest.mark.parametrize("form", FORMS)


def gpu(test: Callable[..., None]) -> Callable[..., None]:
    return pytest.mark.gpu(NO_CUDA(test))


def state(shape: tuple[int, int], form: str) -> SortedState:
    device, comma, _ = form.partition(",")
    made = SortedState(shape, device)
    if comma:
        made.form = ordered.write
    return made


def there(events: Events, it: SortedState) -> Columns:
    return on_device(events, slice(None), it.device)


def busy(count: int, shape: tuple[int, int] = (480, 640), rate: int = 5_000_000) -> Events:
    """Events of changing density and runs of one polarity, a tenth of them on a hundred pixels."""
    rng = np.random.default_rng(3)
    t = np.cumsum(rng.exponential(1e6 / rate, count)).astype(np.int64)
    y, x = (rng.normal(size / 2, size / 8, count).clip(0, size - 1) for size in shape)
    hot = rng.random(count) < 0.1
    x, y = np.where(hot, x % 10 + 5, x), np.where(hot, y % 10 + 5, y)
    p = (rng.random(count) < 0.5 + 0.4 * np.sin(t / 3_000)).astype(np.uint8)
    return Events(t, x.astype(np.uint16), y.astype(np.uint16), p, shape).checked()


def in_chunks(events: Events, it: SortedState, size: int) -> Array:
    parts = [extract(events[i : i + size], it, WINDOW) for i in range(0, len(events), size)]
    return torch.cat(parts).cpu().numpy()


def same(found: torch.Tensor | Array, expected: Array) -> None:
    assert found.dtype in (torch.float32, np.float32)
    np.testing.assert_array_equal(torch.as_tensor(found).cpu().numpy(), expected)


@on_every_form
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["random", "dense", "bursts", "one pixel", "ties"])
def test_the_bits_are_those_of_the_kernel(kind: str, shape: tuple[int, int], form: str) -> None:
    events = stream(kind, shape)
    expected = on_cpu(events, PixelState(shape), WINDOW)
    same(extract(events, state(shape, form), WINDOW), expected)
    same(extract(there(events, it := state(shape, form)), it, WINDOW), expected)


@on_every_form
@pytest.mark.parametrize("window", [1, 7, 1_000])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (3, 2)])
def test_small_windows_and_sensors_are_no_exception(window: int, shape: tuple[int, int], form: str) -> None:
    rng = np.random.default_rng(1)
    t, p = np.sort(rng.integers(0, 20 * window, 200)), rng.integers(0, 2, 200).astype(np.uint8)
    x, y = rng.integers(0, shape[1], 200).astype(np.uint16), rng.integers(0, shape[0], 200).astype(np.uint16)
    events = Events(t, x, y, p, shape)
    same(extract(events, state(shape, form), window), on_cpu(events, PixelState(shape), window))


@on_every_form
def test_a_busy_recording_has_the_bits_of_the_kernel(form: str) -> None:
    events = busy(100_000)
    expected = on_cpu(events, PixelState(events.shape), WINDOW)
    assert np.expm1(expected[:, [5, 6]]).max(0).min() > 50
    same(extract(events, state(events.shape, form), WINDOW), expected)


@gpu
@pytest.mark.parametrize("form", ["cuda", "cuda, plain"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_long_busy_recording_has_the_bits_of_the_kernel(shape: tuple[int, int], form: str) -> None:
    events = busy(1_000_000, shape)
    expected = on_cpu(events, PixelState(shape), WINDOW)
    it = state(shape, form)
    same(extract(there(events, it), it, WINDOW), expected)
    same(in_chunks(events, state(shape, form), 123_457), expected)


@on_every_form
@pytest.mark.parametrize(("size", "count"), [(1, 300), (7, 1_500), (1_000, 4_001)])
def test_chunks_leave_no_trace(size: int, count: int, form: str) -> None:
    events = stream("random", (480, 640), count)
    same(in_chunks(events, state(events.shape, form), size), on_cpu(events, PixelState(events.shape), WINDOW))


@on_every_form
def test_pieces_leave_no_trace(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    events = stream("random", (480, 640), count=2_001)
    monkeypatch.setattr(sorting, "PIECE", 300)
    it = state(events.shape, form)
    same(extract(events, it, WINDOW), on_cpu(events, PixelState(events.shape), WINDOW))
    x = np.where(np.arange(2_001) == 1_234, 640, events.x).astype(np.uint16)
    late = Events(events.t, x, events.y, events.p, events.shape)
    for wrong in (late, there(late, it)):
        with pytest.raises(ValueError, match="event 1234: x must be below the sensor's width 640, found 640"):
            extract(wrong, state(events.shape, form), WINDOW)


@on_every_form
def test_an_empty_chunk_changes_nothing(form: str) -> None:
    events = stream("dense", (260, 346))
    it = state(events.shape, form)
    assert extract(empty(events.shape), it, WINDOW).shape == (0, 13)
    first = extract(events[:300], it, WINDOW)
    assert extract(there(empty(events.shape), it), it, WINDOW).shape == (0, 13)
    rest = extract(events[300:], it, WINDOW)
    same(torch.cat([first, rest]), on_cpu(events, PixelState(events.shape), WINDOW))


@on_every_form
def test_the_clock_may_start_anywhere_and_stand_still_for_long(form: str) -> None:
    events = stream("bursts", (260, 346))
    t = np.concatenate([events.t, events.t + 10**15 + 7])
    twice = Events(t, *(np.tile(column, 2) for column in (events.x, events.y, events.p)), events.shape)
    found = extract(twice, state(events.shape, form), WINDOW)
    same(found, np.tile(on_cpu(events, PixelState(events.shape), WINDOW), (2, 1)))


@on_every_form
def test_what_is_remembered_is_two_windows(form: str) -> None:
    events = stream("random", (260, 346), count=5_000)
    it = state(events.shape, form)
    extract(events, it, WINDOW)
    assert len(it.tail.t) == np.count_nonzero(events.t >= events.t[-1] - 2 * WINDOW) < 2_000
    assert it.tail.t.untyped_storage().nbytes() == 8 * len(it.tail.t)


@on_every_form
def test_a_state_goes_on_from_its_file_on_any_device(form: str, tmp_path: Path) -> None:
    events = stream("random", (260, 346))
    expected = on_cpu(events, PixelState(events.shape), WINDOW)
    path = tmp_path / "there" / "state.safetensors"
    for cut in (0, 350):
        it = state(events.shape, form)
        extract(events[:cut], it, WINDOW)
        it.save(path)
        written = path.read_bytes()
        for device in {"cpu", form.partition(",")[0]}:
            loaded = SortedState.load(path, device)
            loaded.save(path)
            assert path.read_bytes() == written
            with pytest.raises(ValueError, match="built with a window of 25000 us, found 10"):
                extract(events[cut:], loaded, 10)
            same(extract(events[cut:], loaded, WINDOW), expected[cut:])


def test_a_state_of_nothing_goes_through_a_file(tmp_path: Path) -> None:
    SortedState((3, 4)).save(tmp_path / "new")
    loaded = SortedState.load(tmp_path / "new")
    same(extract(one([5], [1]), loaded, 7), on_cpu(one([5], [1]), PixelState((3, 4)), 7))


def test_a_file_that_is_no_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with pytest.raises(FileNotFoundError, match="no such state of the features"):
        SortedState.load(path)
    SortedState((3, 4)).save(path)
    whole = path.read_bytes()
    for part in (b"", whole[:40], whole + b"more"):
        path.write_bytes(part)
        with pytest.raises(ValueError, match="state: not a whole safetensors file"):
            SortedState.load(path)
    tensors = {"t": torch.tensor([5, 3])} | {name: torch.zeros(2, dtype=torch.int16) for name in "xy"}
    right = {"shape": [3, 4], "version": VERSION, "window": None}
    for facts, column, sentence in (
        (None, "p", "expected a state of the features, found a safetensors file without its facts"),
        ("{", "p", "not a state of these features: "),
        (right | {"version": 99}, "p", "not a state of these features: expected version 2, found 99"),
        (right, "q", "not a state of these features: .*unexpected keyword argument 'q'"),
        (right, "p", "not a state of these features: event 1: time must not go back, found 3 us"),
    ):
        text = facts if isinstance(facts, str) else json.dumps(facts)
        columns = {**tensors, column: torch.zeros(2, dtype=torch.uint8)}
        save_file(columns, path, None if facts is None else {"features": text})
        with pytest.raises(ValueError, match=sentence):
            SortedState.load(path)


@on_every_form
@pytest.mark.parametrize(
    ("events", "window", "sentence"),
    [
        (one([100], [1]), WINDOW, r"the state has seen 200 us, found an event at 100 us"),
        (one([300], [1]), 10_000, r"built with a window of 25000 us, found 10000"),
        (one([300], [1]), 0, r"1 us or more, found 0"),
        (one([300], [1], x=[4]), WINDOW, r"event 0: x must be below the sensor's width 4, found 4"),
        (one([300, 300], [1, 2]), WINDOW, r"event 1: polarity must be 0 or 1, found 2"),
        (one([300, 299], [1, 1]), WINDOW, r"event 1: time must not go back, found 299 us"),
        (one([300], [1], x=[65_535]), WINDOW, r"found 65535"),
        (Events(*(np.full(1, 3, kind) for kind in ("i8", "u2", "u2", "u1")), (3, 4)), WINDOW, r"y must be below .* 3"),
    ],
)
def test_a_chunk_that_cannot_follow_is_refused_and_changes_nothing(
    events: Events, window: int, sentence: str, form: str
) -> None:
    it = state((3, 4), form)
    extract(one([200], [1]), it, WINDOW)
    for chunk in (events, there(events, it)):
        with pytest.raises(ValueError, match=sentence):
            extract(chunk, it, window)
    whole = on_cpu(one([200, 260], [1, 0]), PixelState((3, 4)), WINDOW)
    same(extract(one([260], [0]), it, WINDOW), whole[1:])


@on_every_form
def test_a_time_before_the_recording_and_another_sensor_are_refused(form: str) -> None:
    it = state((3, 4), form)
    with pytest.raises(ValueError, match="event 0: time must not be negative, found -1 us"):
        extract(there(one([-1], [1]), it), it, WINDOW)
    with pytest.raises(ValueError, match=r"the state is of a sensor \(3, 4\), found events of \(4, 3\)"):
        extract(empty((4, 3)), it, WINDOW)


@on_every_form
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"t": torch.int32}, r"t must be torch.int64 of shape \(n,\), one n, on c.*, found torch.int32 \(1,\)"),
        ({"x": torch.int32}, r"x must be torch.int16"),
        ({"p": torch.bool}, r"p must be torch.uint8"),
    ],
)
def test_columns_of_other_types_are_refused(wrong: dict[str, torch.dtype], sentence: str, form: str) -> None:
    it = state((3, 4), form)
    columns = there(one([200], [1]), it)
    changed = columns._replace(**{name: getattr(columns, name).to(dtype) for name, dtype in wrong.items()})
    with pytest.raises(ValueError, match=sentence):
        extract(changed, it, WINDOW)
    with pytest.raises(ValueError, match=r"y must be .* found torch.int16 \(0,\)"):
        extract(columns._replace(y=columns.y[:0]), it, WINDOW)


@on_every_form
def test_columns_may_be_parts_of_others(form: str) -> None:
    events = stream("random", (260, 346))
    it = state(events.shape, form)
    apart = Columns(*(torch.stack([column, column + 1], 1)[:, 0] for column in there(events, it)))
    found = torch.cat([extract(Columns(*(c[i : i + 301] for c in apart)), it, WINDOW) for i in (0, 301, 602)])
    same(found, on_cpu(events, PixelState(events.shape), WINDOW))


@gpu
def test_columns_of_another_device_are_refused() -> None:
    with pytest.raises(ValueError, match=r"t must be .* on cuda:0, found .* on cpu"):
        extract(there(one([200], [1]), SortedState((3, 4))), SortedState((3, 4), "cuda"), WINDOW)


@gpu
def test_too_little_memory_is_said_in_a_sentence_and_changes_nothing() -> None:
    events, many = stream("dense", (260, 346)), busy(3_000_000, (260, 346)).shifted(WINDOW)
    it = SortedState(events.shape, "cuda")
    first = extract(events[:300], it, WINDOW)
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-3)
    try:
        with pytest.raises(MemoryError, match=r"features of 3000000 events do not fit cuda:0, .* MiB are free"):
            extract(many, it, WINDOW)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    same(torch.cat([first, extract(events[300:], it, WINDOW)]), on_cpu(events, PixelState(events.shape), WINDOW))


@pytest.mark.parametrize(
    ("device", "sentence"),
    [
        ("gpu", "expected cpu, cuda or cuda:<number>, found gpu"),
        ("mps", "the features run on cpu and cuda, found mps"),
        ("cuda:99", "cuda:99 was asked for, and torch finds"),
    ],
)
def test_a_device_that_is_not_there_is_refused(device: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        SortedState((3, 4), device)


def test_a_sensor_of_too_many_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"fewer than 2\^31 pixels, found \(65535, 65535\)"):
        SortedState((65_535, 65_535))


def test_the_kernel_on_the_cpu_does_not_load_torch() -> None:
    code = "import sys, unflare.features; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
