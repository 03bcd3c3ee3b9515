"""A saved state goes on as if nothing had happened, takes little room, and a broken file is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from test_pfd import WINDOW, stream

from unflare.features import VERSION, PixelState, extract
from unflare.features.state import KIND

SHAPE = (260, 346)
FACTS = {"shape": SHAPE, "window": WINDOW, "previous": 0, "version": VERSION}
COLUMNS = {
    "t": np.zeros(1, np.int64),
    "x": np.zeros(1, np.uint16),
    "y": np.zeros(1, np.uint16),
    "p": np.zeros(1, np.uint8),
    "flip": np.zeros(1, bool),
}


@pytest.mark.parametrize("at", [0, 1, 2_000, 4_001])
@pytest.mark.parametrize("window", [1, 1_000, WINDOW])
@pytest.mark.parametrize("kind", ["random", "dense", "bursts", "borders", "ties"])
def test_a_state_that_was_saved_goes_on_with_the_same_bits(kind: str, window: int, at: int, tmp_path: Path) -> None:
    events = stream(kind, SHAPE, count=4_001)
    state = PixelState(SHAPE)
    before = extract(events[:at], state, window)
    state.save(tmp_path / "state.safetensors")
    loaded = PixelState.load(tmp_path / "state.safetensors")
    whole = extract(events, PixelState(SHAPE), window)
    for then in (state, loaded):
        assert np.array_equal(np.concatenate([before, extract(events[at:], then, window)]), whole)


def test_a_state_that_has_seen_nothing_can_be_saved(tmp_path: Path) -> None:
    events = stream("random", SHAPE)
    PixelState(SHAPE).save(tmp_path / "state.safetensors")
    found = extract(events, PixelState.load(tmp_path / "state.safetensors"), WINDOW)
    assert np.array_equal(found, extract(events, PixelState(SHAPE), WINDOW))


def test_a_file_holds_the_last_window_and_tells_nothing_of_the_chunks(tmp_path: Path) -> None:
    events = stream("borders", SHAPE, count=4_001)
    contents = set()
    for size in (4_001, 1_000, 7):
        state = PixelState(SHAPE)
        for first in range(0, len(events), size):
            extract(events[first : first + size], state, WINDOW)
        state.save(tmp_path / "state.safetensors")
        contents.add((tmp_path / "state.safetensors").read_bytes())
    recent = events.between(int(events.t[-1]) - WINDOW, 10**9)
    assert len(contents) == 1
    assert np.array_equal(load_file(tmp_path / "state.safetensors")["t"], recent.t)


@pytest.mark.parametrize(
    ("columns", "facts", "sentence"),
    [
        (COLUMNS, None, r"expected a pixel state, found a safetensors file of something else$"),
        (COLUMNS, FACTS | {"version": 0}, rf"expected features of version {VERSION}, found 0$"),
        (COLUMNS, FACTS | {"shape": [9]}, r"found one whose parts do not fit: .*"),
        (COLUMNS, FACTS | {"window": -1}, r"do not fit: .*1 us or more, found -1$"),
        ({"t": COLUMNS["t"]}, FACTS, r"do not fit: 'x'$"),
        (COLUMNS | {"x": np.full(1, 346, np.uint16)}, FACTS, r"do not fit: .*below the sensor's width 346, found 346$"),
        (COLUMNS | {"flip": np.zeros(2, bool)}, FACTS, r"do not fit: .*"),
        (COLUMNS | {"flip": np.zeros(1, np.uint8)}, FACTS, r"do not fit: .*"),
        (COLUMNS | {"t": np.full(1, 8)}, FACTS, r"do not fit: .*"),
    ],
)
def test_a_file_of_something_else_is_refused(columns: dict, facts: dict | None, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    save_file(columns, path, {KIND: json.dumps(facts)} if facts else None)
    with pytest.raises(ValueError, match=rf"state\.safetensors: .*{sentence}") as caught:
        PixelState.load(path)
    assert "\n" not in str(caught.value)


def test_a_missing_or_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    with pytest.raises(
        FileNotFoundError, match=r"state\.safetensors: expected a saved pixel state, found no such file"
    ):
        PixelState.load(path)
    state = PixelState(SHAPE)
    extract(stream("dense", SHAPE), state, WINDOW)
    state.save(path)
    whole = path.read_bytes()
    for length in (0, 5, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"state\.safetensors: expected a whole pixel state, found"):
            PixelState.load(path)
