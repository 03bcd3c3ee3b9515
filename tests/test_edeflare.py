"""The published metrics give the numbers of their authors' code, on its own inputs (`data/edeflare.json`)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unflare.evaluation import edeflare
from unflare.events import Events

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "edeflare.json").read_text())["cases"]


def stream(columns: dict[str, list[int]]) -> Events:
    t, x, y, p = (np.array(columns[name], np.int64) for name in ("t_us", "x", "y", "p"))
    return Events(t, x.astype(np.uint16), y.astype(np.uint16), (p > 0).astype(np.uint8), (480, 640))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_every_number_is_that_of_the_authors(case: dict[str, Any]) -> None:
    found = edeflare(stream(case["estimate"]), stream(case["truth"]))
    expected = {name: float(value) for name, value in case["expected"].items()}
    # 1 - exp(-x) of a small x: the last bit of numpy's exponential is another on a processor without AVX-512.
    exponential = "gaussian_distance"
    assert found.pop(exponential) == pytest.approx(expected.pop(exponential), rel=1e-10)
    assert found == expected


def test_times_count_from_each_streams_first_event() -> None:
    one, other = (stream(CASES[1][name]) for name in ("estimate", "truth"))
    later = edeflare(one.shifted(64_000_000), other)
    assert later == pytest.approx(edeflare(one, other), rel=1e-6)
