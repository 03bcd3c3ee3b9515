# mypy: disable-error-code="untyped-decorator, no-any-return"
"""What is known of a light at events, linear 0 to 255; and what events are worth under two lights.

The light of a rendered background is known. Of a recording there are events alone, and a proxy has to do:

    constant    one level for the whole scene
    integrated  a level times exp(sum of the pixel's own events, each a step of the contrast, with a leak), bounded

`proof` compares both with the known light of rendered backgrounds: within a scene of tens of milliseconds the pixel's
own events say next to nothing of its light, and the level everything. Scenes use the constant.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numba import njit

from unflare.events import Array, Events
from unflare.synthesis.fusion import Shares

Light: TypeAlias = Callable[[Array, Array, Array], Array]  # linear light, float32 (n,), at times in us, columns, rows
LEAK = 20_000.0  # microseconds in which the integrated steps fade to 1/e
BOUND = 2.0  # of the logarithm, either way


def shares(background: Light, other: Light, dark: float) -> Shares:
    """What events of two lights on one sensor are worth; `dark` is the light that its dark current stands for."""

    def share(own: Light, beside: Light) -> Light:
        def at(t: Array, x: Array, y: Array) -> Array:
            signal = own(t, x, y) + np.float32(dark)
            return np.asarray(signal / (signal + beside(t, x, y)), np.float32)

        return at

    return Shares(share(background, other), share(other, background))


def constant(level: float) -> Light:
    return lambda t, x, y: np.full(len(t), level, np.float32)


def integrated(events: Events, level: float, step: float, dark: float) -> Light:
    """Light from the events that it made; `step` is the contrast d ln(I + dark) of one. Ask for ascending times."""

    def at(t: Array, x: Array, y: Array) -> Array:
        place = (events.t, events.x, events.y, events.p)
        steps = _leaky_sums(*place, t, x, y, np.zeros((*events.shape, 2)))
        signal = (level + dark) * np.exp(np.clip(step * steps, -BOUND, BOUND))
        return np.maximum(signal - dark, 0).astype(np.float32)

    return at


def filmed(times: Array, frames: Array) -> Light:
    """Light of a video (n, h, w), between two frames on the line from one to the other."""

    def at(t: Array, x: Array, y: Array) -> Array:
        before = np.clip(np.searchsorted(times, t, side="right") - 1, 0, len(times) - 2)
        passed = ((t - times[before]) / (times[before + 1] - times[before])).astype(np.float32)
        first, second = frames[before, y, x], frames[before + 1, y, x]
        return np.asarray(first + passed * (second - first))

    return at


def scattered_part(flare: Light, light: Light, events: Events) -> Array:
    """What of the flare's light at each event is not the light source's, float32 0 to 1; 1 where both are dark, for
    flares end in scattered light.
    """
    place = (events.t, events.x, events.y)
    whole, source = flare(*place), light(*place)
    part: Array = np.clip(1 - np.divide(source, whole, out=np.zeros_like(whole), where=whole > 0), 0, 1)
    return part


@njit
def _leaky_sums(  # noqa: PLR0913
    t: Array, x: Array, y: Array, p: Array, when: Array, column: Array, row: Array, state: Array
) -> Array:
    """The pixel's steps up to each time, faded; state (h, w, 2) is the sum and the time of its last change."""
    sums = np.empty(len(when))
    done = 0
    for i in range(len(when)):
        while done < len(t) and t[done] <= when[i]:
            pixel = state[y[done], x[done]]
            pixel[0] = pixel[0] * np.exp((pixel[1] - t[done]) / LEAK) + (1.0 if p[done] else -1.0)
            pixel[1] = t[done]
            done += 1
        pixel = state[row[i], column[i]]
        sums[i] = pixel[0] * np.exp((pixel[1] - when[i]) / LEAK)
    return sums
