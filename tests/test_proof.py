"""The proof of the fusion: its measures on streams made by hand, and what it finds on small scenes."""

from pathlib import Path

import numpy as np
import pytest

from unflare import params
from unflare.edeflare import edeflare
from unflare.events import Events
from unflare.params import Fusion, Params
from unflare.synthesis.exact import Case, Lights, cases, labels, rendered
from unflare.synthesis.lamp import log_uniform
from unflare.synthesis.light import BOUND, constant, filmed, integrated, scattered_part
from unflare.synthesis.nearness import Labelled, blocks, label_error, nearest, nearness
from unflare.synthesis.proof import Proved, prove, summary

SHAPE = (8, 8)
FAR = 1000


def events(*rows: tuple[int, int, int, int]) -> Events:
    """Of (t, x, y, p), in time order."""
    t, x, y, p = (np.array(column) for column in zip(*rows, strict=True))
    return Events(t.astype(np.int64), x.astype(np.uint16), y.astype(np.uint16), p.astype(np.uint8), SHAPE)


def labelled(stream: Events, *flare: float) -> Labelled:
    return Labelled(stream, np.array(flare, np.float32))


def test_a_stream_is_as_near_to_itself_as_can_be() -> None:
    one = labelled(events((1, 0, 0, 1), (2, 5, 6, 0), (9, 0, 0, 1)), 0.0, 1.0, 0.5)
    found = nearness(one, one, np.ones(SHAPE, bool), FAR)
    perfect = {"ratio", "near", "correlation", "blocks_correlation"}
    assert found == pytest.approx({name: float(name in perfect) for name in found})


def test_the_measures_count_what_they_say() -> None:
    exact = labelled(events((10, 0, 0, 1), (20, 0, 0, 1), (30, 7, 7, 0), (40, 7, 7, 0)), 0, 0, 1, 1)
    found = labelled(events((12, 0, 0, 1), (30, 7, 7, 1)), 0, 0.5)
    near = np.zeros(SHAPE, bool)
    near[7, 7] = True
    said = nearness(exact, found, near, FAR)
    assert said["ratio"] == 0.5
    assert said["near"] == 0.5
    assert said["error"] == said["blocks_error"] == 0.5
    assert said["correlation"] == pytest.approx(1)  # half everywhere
    assert said["polarity"] == 0.5
    assert said["flare"] == 0.25 - 0.5
    assert said["label"] == pytest.approx((0 * 2 + 0.5 * 2) / 4)
    assert said["time"] == pytest.approx(((2 + 8 + FAR + FAR) / 4 + (2 + FAR) / 2) / 2 / 1000)


def test_the_nearest_event_is_of_the_same_pixel_and_polarity() -> None:
    rng = np.random.default_rng(0)
    made = [rng.integers(0, high, (2, 60)) for high in (500, 4, 3, 2)]
    one, other = (events(*sorted(zip(*(column[i].tolist() for column in made), strict=True))) for i in (0, 1))
    plain = [
        min([abs(t - s) for s, *place in rows(other) if place == [x, y, p]], default=FAR) for t, x, y, p in rows(one)
    ]
    assert sorted(nearest(one, other, FAR).tolist()) == sorted(plain)


def rows(stream: Events) -> list[tuple[int, ...]]:
    return list(zip(*(getattr(stream, name).tolist() for name in "txyp"), strict=True))


def test_blocks_hold_the_sum_of_their_pixels() -> None:
    pixels = np.arange(9 * 10).reshape(9, 10)
    assert blocks(pixels).shape == (2, 2)
    assert blocks(pixels).sum() == pixels[:8, :8].sum()


def test_labels_are_compared_where_both_streams_have_events() -> None:
    exact = labelled(events((1, 0, 0, 1), (2, 7, 7, 1)), 1, 1)
    assert label_error(exact, labelled(events((3, 1, 1, 0)), 0.25)) == 0.75


def test_an_exact_label_is_the_scattered_share_of_the_change_since_the_pixel_fired() -> None:
    """Three lights: first the background changes by 1, then the scattered light by 2 and its source by 1."""
    times = np.array([0, 100, 200])
    background, source, scattered = ([10, 11, 11], [5, 5, 6], [5, 5, 7])
    frames = [
        np.float32(light)[:, None, None] * np.ones(SHAPE, np.float32) for light in (background, source, scattered)
    ]
    lights = Lights(times, frames[0], frames[1] + frames[2], frames[1])
    found = labels(events((100, 3, 3, 1), (150, 3, 3, 1), (200, 3, 3, 1), (200, 4, 4, 1)), lights, dark=20.0)
    whole = [(40 + 41) / 2, (41 + 44) / 2]
    late = (2 / whole[1]) / (1 / whole[0] + 3 / whole[1])
    assert found == pytest.approx([0, 2 / 3, 2 / 3, late])


def test_a_film_is_its_frames_and_the_line_between_them() -> None:
    times, frames = np.array([0, 10, 30]), np.random.default_rng(0).random((3, *SHAPE)).astype(np.float32)
    t, x, y = np.array([0, 10, 30, 5, 25]), np.array([1, 2, 3, 4, 5]), np.array([0, 1, 2, 3, 4])
    found = filmed(times, frames)(t, x, y)
    assert found[:3] == pytest.approx(frames[[0, 1, 2], y[:3], x[:3]])
    assert found[3] == pytest.approx(frames[:2, 3, 4].mean())
    assert found[4] == pytest.approx(frames[1, 4, 5] / 4 + 3 * frames[2, 4, 5] / 4)


def test_integrated_light_follows_its_own_events_and_fades() -> None:
    stream = events((0, 1, 1, 1), (0, 2, 2, 0), *((t, 3, 3, 1) for t in range(1, 100)))
    light = integrated(stream, level=30.0, step=0.2, dark=20.0)
    t, place = np.array([0, 0, 0, 100]), np.array([1, 2, 5, 3], np.uint16)
    assert light(t, place, place) == pytest.approx(
        [50 * np.exp(0.2) - 20, 50 * np.exp(-0.2) - 20, 30, 50 * np.exp(BOUND) - 20], rel=1e-5
    )
    assert light(np.array([10**7]), place[:1], place[:1]) == pytest.approx([30])


def test_a_level_is_as_likely_in_each_octave() -> None:
    rng = np.random.default_rng(0)
    levels = [log_uniform((5.0, 80.0), rng) for _ in range(4000)]
    assert np.histogram(np.log2(levels), bins=np.log2([5, 10, 20, 40, 80]))[0] == pytest.approx([1000] * 4, abs=110)


def test_where_a_flare_is_dark_it_ends_in_scattered_light() -> None:
    one = events((1, 0, 0, 0))
    assert scattered_part(constant(0.0), constant(0.0), one) == [1]
    assert scattered_part(constant(4.0), constant(1.0), one) == [0.75]
    assert scattered_part(constant(4.0), constant(4.0), one) == [0]


@pytest.fixture(scope="module")
def p() -> Params:
    return params.load(Path(__file__).parents[1] / "params.yaml")


@pytest.fixture(scope="module")
def small(p: Params) -> Fusion:
    return p.fusion.model_copy(update={"scenes": 4, "shape": (96, 128), "duration": 30_000})


@pytest.fixture(scope="module")
def proved(p: Params, small: Fusion) -> list[Proved]:
    return [prove(small, p.lamp, p.sensor, p.scenes.night_level, edeflare, case) for case in cases(small, p.seed)]


def test_cases_are_of_every_kind_and_differ(small: Fusion) -> None:
    made = cases(small, 1)
    assert len({(case.hour, case.steady) for case in made}) == 4
    assert len({case.seed for case in made}) == 4
    assert made == cases(small, 1) != cases(small, 2)


def test_a_flare_contains_its_source_and_flickers_where_it_should(p: Params, small: Fusion) -> None:
    for steady in (True, False):
        lamp = p.lamp.model_copy(update={"speed": 0.0, "growth": 0.0})
        lights = rendered(Case("night", steady, seed=1), small, lamp)
        assert (lights.flare >= lights.source - 1e-3).all()
        assert lights.background.shape == lights.flare.shape == (len(lights.times), *small.shape)
        assert (lights.flare.std(axis=0).max() < 1e-3) == steady


def test_the_same_case_is_proved_the_same_again(p: Params, small: Fusion, proved: list[Proved]) -> None:
    again = prove(small, p.lamp, p.sensor, p.scenes.night_level, edeflare, cases(small, p.seed)[0])
    assert again.rows == proved[0].rows


def test_two_exact_simulations_are_nearer_to_each_other_than_any_rule_is(proved: list[Proved]) -> None:
    table = summary([case.rows for case in proved])
    for row in ("integrate", "pnl_es", "union", "constant", "integrated"):
        for measure in ("blocks_error", "label"):
            assert table["floor"][measure]["mean"] < table[row][measure]["mean"]
        assert table["floor"]["correlation"]["mean"] > table[row]["correlation"]["mean"]


def test_integrate_is_nearest_to_the_exact_answer(proved: list[Proved]) -> None:
    table = summary([case.rows for case in proved])
    rules = {row: table[row] for row in ("integrate", "pnl_es", "union")}
    apart = {row: abs(measures["ratio"]["mean"] - 1) for row, measures in rules.items()}
    assert apart["integrate"] < 0.06 < apart["pnl_es"] < apart["union"]
    errors = {row: measures["blocks_error"]["mean"] for row, measures in rules.items()}
    assert errors["integrate"] < errors["pnl_es"] < errors["union"]
    assert abs(table["truth"]["ratio"]["mean"] - 1) < 0.06


def test_by_the_published_metrics_too_integrate_is_nearest_to_another_exact_input(proved: list[Proved]) -> None:
    table = summary([case.rows for case in proved])
    for metric in ("pger", "voxel_mse", "tpf1"):
        exact = table["floor"][metric]["mean"]
        apart = {rule: abs(table[rule][metric]["mean"] - exact) for rule in ("integrate", "pnl_es", "union")}
        assert apart["integrate"] < min(apart["pnl_es"], apart["union"]), metric


def test_a_summary_is_the_mean_and_the_spread() -> None:
    of_two = summary([{"floor": {"ratio": 1.0}}, {"floor": {"ratio": 3.0}}])
    assert of_two == {"floor": {"ratio": {"mean": 2.0, "spread": pytest.approx(2**0.5)}}}
