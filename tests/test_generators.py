"""Methods that write new events: the comb filter is its authors' program, and the codec keeps what it can."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unflare.evaluation.filters import CombFilter, VoxelRoundTrip, generators
from unflare.events import Events, empty

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "comb.json").read_text())["cases"]


def stream(columns: dict[str, list[int]], shape: tuple[int, int]) -> Events:
    t, x, y, p = (np.array(columns[name], np.int64) for name in ("t", "x", "y", "p"))
    return Events(t, x.astype(np.uint16), y.astype(np.uint16), (p > 0).astype(np.uint8), shape)


def rows(events: Events) -> list[tuple[int, ...]]:
    return list(zip(*(getattr(events, name).tolist() for name in ("t", "x", "y", "p")), strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_the_original_comb_writes_what_the_authors_program_writes(case: dict[str, Any]) -> None:
    events = stream(case["events"], tuple(case["shape"]))
    found = CombFilter(original=True)(events).checked()
    assert sorted(rows(found)) == sorted(rows(stream(case["written"], tuple(case["shape"]))))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_the_comb_is_the_original_without_its_delay_and_to_the_end(case: dict[str, Any]) -> None:
    events = stream(case["events"], tuple(case["shape"]))
    late, found = CombFilter(original=True)(events), CombFilter()(events).checked()
    early = rows(late.shifted(-22_000))
    assert set(early) <= set(rows(found))
    assert len(found) > len(late)
    assert events.t[0] <= found.t[0]
    assert found.t[-1] <= events.t[-1]


def test_a_comb_takes_out_its_frequency_and_lets_a_step_pass() -> None:
    t = np.arange(500, 400_000, 5_000)  # 100 Hz: a harmonic of 50 Hz
    p = (np.arange(len(t)) % 2).astype(np.uint8)
    zeros = np.zeros(len(t), np.uint16)
    assert len(CombFilter()(Events(t, zeros, zeros, p, (1, 1)))) < len(t) / 10
    step = Events(np.array([7_000]), zeros[:1], zeros[:1], np.uint8([1]), (1, 1))
    assert CombFilter(rho=0.9)(step).t.tolist() == [7_000]


def test_a_comb_without_sense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"found 50.0 Hz, 1.0 and 0.7"):
        CombFilter(rho=1.0)


def test_the_codec_keeps_sums_of_voxels_and_loses_what_cancels() -> None:
    t = np.array([100, 150, 2_600, 2_700, 2_800, 20_099, 20_100])
    x, p = np.array([0, 0, 1, 1, 1, 2, 2], np.uint16), np.array([1, 0, 0, 0, 1, 1, 1], np.uint8)
    found = VoxelRoundTrip(seed=1)(Events(t, x, np.zeros(7, np.uint16), p, (1, 3))).checked()
    assert [(x, p) for _, x, _, p in rows(found)] == [(1, 0), (2, 1), (2, 1)]
    assert 2_600 <= found.t[0] < 5_100  # the second bin counts from the first event
    assert 17_600 <= found.t[1] < 20_100 <= found.t[2] < 22_600


@pytest.mark.parametrize("name", generators)
def test_nothing_gives_nothing_and_the_same_gives_the_same(name: str) -> None:
    rng = np.random.default_rng(0)
    t, xy = np.sort(rng.integers(0, 90_000, 2_000)), rng.integers(0, 8, (2, 2_000)).astype(np.uint16)
    events = Events(t, *xy, rng.integers(0, 2, 2_000).astype(np.uint8), (8, 8))
    assert len(generators[name]()(empty((8, 8)))) == 0
    one, other = (generators[name]()(events).checked() for _ in range(2))
    assert rows(one) == rows(other)
    assert len(one) > 100
