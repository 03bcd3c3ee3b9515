"""The embedded background of things that move before a wall. What there is; `tableau` draws it."""

import math
from dataclasses import dataclass, replace

import numpy as np

from unflare.events import Array
from unflare.synthesis.camera import Camera, draw_camera, draw_wave
from unflare.synthesis.forms import Form
from unflare.synthesis.ground import Ground, draw_ground
from unflare.synthesis.lamp import log_uniform
from unflare.synthesis.motion import STILL, Motion, Wave, looks
from unflare.synthesis.textures import TEXTURES
from unflare.synthesis.things import Thing

AMBIENT = (8.0, 250.0)  # irradiance of a white wall: from a dark room to daylight
CONTRAST = (0.1, 1.2)  # of a wall's texture
SMALLEST = 2.5  # pixels, radius
SPEED = (10.0, 4000.0)  # pixels a second
PACE = (30.0, 4000.0)  # of most things of a scene
HERTZ = 12.0  # of what swings, at most
FEW, MANY = (0.3, 5.0), (1.0, 25.0)  # things beside a cradle, and else
COVERED = 0.8  # of the frame, by all things together, at most
BALL, LAMP, LARGEST = 0.2, 0.015, 0.3  # of the frame's shorter side: radius of balls, lamps and others, at most
FORMS: tuple[Form, ...] = ("disc", "polygon", "bar", "wheel", "fan", "hand", "car", "ball", "lamp")


@dataclass(frozen=True)
class Objects:
    """Things before a wall, the farthest first. Draw some with `draw_objects`."""

    shape: tuple[int, int]
    ground: Ground
    camera: Camera
    things: tuple[Thing, ...]
    seed: int

    def times(self, seconds: float, rate: int) -> Array:
        """When to render, int64 us ascending; see `motion.looks`."""
        fastest = max((thing.motion.fastest(seconds, thing.radius) for thing in self.things), default=0.0)
        return looks(seconds, rate, fastest + self.camera.fastest(seconds), self.shape)


def draw_objects(shape: tuple[int, int], rng: np.random.Generator) -> Objects:
    """Up to two dozen things, all at about one pace, or a few beside a Newton's cradle; all about them from `rng`."""
    pace, ground = log_uniform(PACE, rng), draw_ground(AMBIENT, CONTRAST, rng)
    things = _cradle(shape, rng) if rng.random() < 0.25 else []
    room = COVERED * shape[0] * shape[1]
    for _ in range(round(log_uniform(FEW if things else MANY, rng))):
        speed = float(np.clip(pace * log_uniform((0.3, 2.0), rng), *SPEED))
        thing = _draw_thing(shape, speed, rng)
        room -= math.pi * thing.radius**2
        if room > 0 or not things:
            things.append(thing)
    return Objects(shape, ground, draw_camera(shape, rng), tuple(things), int(rng.integers(2**31)))


def _draw_thing(shape: tuple[int, int], speed: float, rng: np.random.Generator) -> Thing:
    form = FORMS[rng.choice(len(FORMS), p=[0.12, 0.18, 0.12, 0.09, 0.09, 0.1, 0.1, 0.12, 0.08])]
    largest = max(SMALLEST, {"ball": BALL, "lamp": LAMP}.get(form, LARGEST) * min(shape))
    thing = Thing(
        form=form,
        radius=SMALLEST + (largest - SMALLEST) * rng.random() ** 1.8,
        paint=rng.choice([rng.uniform(0.02, 0.15), rng.uniform(0.15, 0.6), rng.uniform(0.6, 0.95)]),
        texture=TEXTURES[rng.integers(len(TEXTURES))],
        contrast=log_uniform((0.05, 1.0), rng),
        gloss=rng.uniform(0.1, 0.9) if form == "ball" else rng.choice([0.0, rng.uniform(0, 3)]),
        lamp=log_uniform((30, 255), rng) if form in ("lamp", "car") else 0.0,
        motion=Motion(rng.uniform(0, shape[1]), rng.uniform(0, shape[0]), angle=rng.uniform(0, 2 * math.pi)),
        seed=int(rng.integers(2**31)),
    )
    return replace(thing, motion=_draw_motion(thing, speed, rng))


def _draw_motion(thing: Thing, speed: float, rng: np.random.Generator) -> Motion:
    """Turning where the thing turns; else crossing, swinging or to and fro, at about that speed."""
    place, kind = thing.motion, rng.choice(["cross", "swing", "shake", "spin"], p=[0.45, 0.2, 0.2, 0.15])
    side, heading = rng.choice([-1.0, 1.0]), rng.uniform(0, 2 * math.pi)
    if thing.form in ("wheel", "fan") or kind == "spin":
        slow = speed * rng.choice([0.0, rng.uniform(0, 0.5)])
        spin = side * speed / max(thing.radius, 10)
        return replace(place, vx=slow * math.cos(heading), vy=slow * math.sin(heading), spin=spin)
    if kind == "cross":
        upright = replace(place, angle=0.0) if thing.form == "car" else place
        spin = 0.0 if thing.form == "car" else rng.normal(0, 2)
        return replace(
            upright, vx=speed * math.cos(heading), vy=speed * math.sin(heading), spin=spin, growth=rng.normal(0, 0.15)
        )
    if kind == "swing":
        arm, swing = log_uniform((40, 400), rng), rng.uniform(0.1, 1.2)
        return replace(place, arm=arm, swing=_wave(swing, speed / (arm * swing), rng))
    reach = log_uniform((3, 200), rng)
    ways = (_wave(reach * way, speed / reach, rng) for way in rng.uniform(0.2, 1, 2))
    across, down = ways
    return replace(place, sway=(across, down), swing=draw_wave((0.02, 0.5), (0.3, 4.0), rng))


def _wave(amplitude: float, pulse: float, rng: np.random.Generator) -> Wave:
    return Wave(amplitude, min(HERTZ, pulse / (2 * math.pi)), rng.uniform(0, 2 * math.pi))


def _cradle(shape: tuple[int, int], rng: np.random.Generator) -> list[Thing]:
    """Three to six shiny balls side by side; those at the ends swing out in turn, and all sway a little."""
    count, radius = int(rng.integers(3, 7)), rng.uniform(0.04, 0.13) * min(shape)
    arm, swing, phase = rng.uniform(4, 10) * radius, rng.uniform(0.15, 0.9), rng.uniform(0, 2 * math.pi)
    left, y = rng.uniform(0.1, 0.5) * shape[1], rng.uniform(0.3, 0.8) * shape[0]
    sway, pulse = draw_wave((2, 40), (0.5, 2.5), rng), rng.uniform(0.6, 2.0)
    side = {0: -1, count - 1: 1}
    return [
        Thing(
            form="ball",
            radius=radius,
            paint=0.4,
            texture="plain",
            contrast=0.1,
            gloss=rng.uniform(0.6, 1.0),
            lamp=0.0,
            motion=Motion(
                left + 2 * radius * number,
                y,
                sway=(sway, STILL),
                arm=arm,
                swing=Wave(swing, pulse, phase) if number in side else STILL,
                side=side.get(number, 0),
            ),
            seed=int(rng.integers(2**31)),
        )
        for number in range(count)
    ]
