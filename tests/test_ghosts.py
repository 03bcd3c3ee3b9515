"""Ghosts lie on the line through lamp and image centre, show the aperture, and are fainter than the lamp."""

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_flare import SHAPE, STILL, centroid, frames

from unflare import params
from unflare.synthesis.ghosts import BRIGHTEST, SIDE, Ghost, draw_lens

ROUND = Ghost(follow=-0.5, size=0.2, blades=0, softness=0.1, rim=0.0, chromatic=0.0, brightness=0.05)


@pytest.mark.parametrize("follow", [-1.0, -0.3, 0.4, 1.3])
def test_a_ghost_is_at_its_multiple_of_the_lamps_place_and_moves_against_it(follow: float) -> None:
    script = replace(STILL, x=12.0, y=-8.0, speed=60.0, heading=0.7, turn=0.5)
    for t, frame in frames(replace(ROUND, follow=follow).glow(script, SHAPE), rate=50):
        x, y = script.position(np.array(t))
        centre = (SHAPE[1] - 1) / 2 + follow * x, (SHAPE[0] - 1) / 2 + follow * y
        assert centroid(frame) == pytest.approx(centre, abs=0.05)


def test_a_ghost_has_its_size_and_brightness() -> None:
    _, frame = frames(ROUND.glow(STILL, SHAPE), rate=10)[0]
    assert frame.max() == pytest.approx(255 * ROUND.brightness, rel=0.02)
    area = frame.sum() / frame.max()
    assert area == pytest.approx(math.pi / 4 * (ROUND.size * max(SHAPE)) ** 2, rel=0.1)


@pytest.mark.parametrize("blades", [5, 6, 8])
def test_an_aperture_has_as_many_corners_as_blades(blades: int) -> None:
    picture = replace(ROUND, blades=blades, softness=0.01, brightness=1.0).picture()
    angle = np.linspace(0, 2 * math.pi, 720, endpoint=False)
    radius = 0.45 * SIDE * 0.95  # between the polygon's inner and outer circle
    row, column = (((SIDE - 1) / 2 + radius * wave).astype(np.float32) for wave in (np.sin(angle), np.cos(angle)))
    around = cv2.remap(picture, column[None], row[None], cv2.INTER_LINEAR)[0]
    assert 1 + np.abs(np.fft.rfft(around)[1:60]).argmax() == blades


def test_the_ghosts_of_a_lens_share_its_aperture_and_their_number_is_in_the_range() -> None:
    lamp = params.load(Path(__file__).parents[1] / "params.yaml").lamp
    rng = np.random.default_rng(0)
    lenses = [draw_lens(lamp, rng) for _ in range(200)]
    assert {len(lens) for lens in lenses} == set(range(lamp.ghosts[0], lamp.ghosts[1] + 1))
    for lens in lenses:
        assert len({ghost.blades for ghost in lens}) <= 1
        assert all(0 < ghost.brightness <= BRIGHTEST for ghost in lens)
