"""The light of a scene: lamps of one mains, drawn within the parameters' ranges, and the same again from a recipe."""

import json
from pathlib import Path

import numpy as np
import pytest

from unflare import params
from unflare.params import Lamp
from unflare.synthesis.flare import linear_pair
from unflare.synthesis.glare import flare_pair
from unflare.synthesis.lighting import Lighting, draw_lighting

SHAPE = (60, 80)


@pytest.fixture(scope="module")
def lamp() -> Lamp:
    return params.load(Path(__file__).parents[1] / "params.yaml").lamp


@pytest.fixture(scope="module")
def drawn(lamp: Lamp) -> list[Lighting]:
    rng = np.random.default_rng(5)
    return [draw_lighting(lamp, SHAPE, 60_000, rng) for _ in range(200)]


def test_lamps_of_a_scene_hang_on_one_mains_and_scenes_on_many(lamp: Lamp, drawn: list[Lighting]) -> None:
    assert {len(one.lamps) for one in drawn} == set(range(lamp.count[0], lamp.count[1] + 1))
    mains = [{script.hertz for script in one.lamps if script.waveform not in (None, "pwm")} for one in drawn]
    assert max(map(len, mains)) == 1
    found = {hertz for one in mains for hertz in one}
    assert len(found) > 100
    assert lamp.hertz[0] <= min(found) <= max(found) <= lamp.hertz[1]


def test_a_recipe_makes_the_same_light_again(drawn: list[Lighting]) -> None:
    again = Lighting.of(json.loads(json.dumps(drawn[0].recipe())))
    assert again == drawn[0]


def test_frames_come_whenever_a_lamp_asks_for_one(drawn: list[Lighting]) -> None:
    several = next(one for one in drawn if len(one.lamps) > 1)
    times = set(several.times(500).tolist())
    assert times == {t for script in several.lamps for t in script.times(500).tolist()}


def test_a_flare_contains_its_light_sources_and_the_ghosts_are_flare(drawn: list[Lighting]) -> None:
    lighting = next(one for one in drawn if one.ghosts)
    pair = linear_pair(*flare_pair(np.random.default_rng(0)), lighting.gamma)
    flare, source = (light.frames([0, 30_000]) for light in lighting.lights(pair, SHAPE))
    for (_, whole), (_, part) in zip(flare, source, strict=True):
        assert np.all(part <= whole + 1e-3)
        assert whole.sum() > 1.2 * part.sum()
