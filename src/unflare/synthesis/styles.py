"""Ways to make sparks: fountains, grinding, fireworks, rain and snow in the light of a lamp, small lights far off."""

import math
from dataclasses import dataclass

from unflare.params import PositiveRange


@dataclass(frozen=True)
class Style:
    """What one way to make sparks has in common; ranges are drawn from, log-uniform.

    count     sparks that are alive at once
    speed     pixels a second
    spread    radians about the heading, either way; pi is all ways
    heading   radians: 0 is to the right, -pi/2 up; None is any
    fall      pixels a second squared
    drag      of the speed, a second
    life      seconds
    radius    pixels
    peak      irradiance of a spark that stands; above 255 for those that outshine white even as a long trace
    burst     pieces that a spark breaks into at its end, at most
    everywhere  whether they start anywhere rather than at one place
    weight    share of the scenes
    """

    count: PositiveRange
    speed: PositiveRange
    spread: PositiveRange
    heading: float | None
    fall: PositiveRange
    drag: PositiveRange
    life: PositiveRange
    radius: PositiveRange
    peak: PositiveRange
    burst: int
    everywhere: bool
    weight: float


UP, DOWN = -math.pi / 2, math.pi / 2
STYLES: dict[str, Style] = {
    "sparkler": Style(
        count=(10, 200), speed=(3000, 60000), spread=(0.3, 3.1), heading=None, fall=(10, 1000), drag=(1, 30),
        life=(0.001, 0.02), radius=(1, 9), peak=(300, 10000), burst=40, everywhere=False, weight=0.33,
    ),
    "fountain": Style(
        count=(30, 400), speed=(300, 6000), spread=(0.1, 1.2), heading=UP, fall=(300, 3000), drag=(0.3, 3),
        life=(0.03, 0.7), radius=(0.8, 6), peak=(60, 5000), burst=12, everywhere=False, weight=0.2,
    ),
    "grinding": Style(
        count=(40, 500), speed=(700, 12000), spread=(0.05, 0.6), heading=None, fall=(100, 2000), drag=(1, 8),
        life=(0.01, 0.2), radius=(0.5, 4), peak=(100, 5000), burst=8, everywhere=False, weight=0.15,
    ),
    "fireworks": Style(
        count=(8, 60), speed=(50, 800), spread=(0.1, 0.4), heading=UP, fall=(50, 300), drag=(0.5, 2),
        life=(0.1, 0.8), radius=(0.8, 4), peak=(60, 2000), burst=80, everywhere=True, weight=0.1,
    ),
    "rain": Style(
        count=(100, 1500), speed=(300, 4000), spread=(0.01, 0.1), heading=DOWN, fall=(1, 10), drag=(0.01, 0.1),
        life=(0.1, 1), radius=(0.6, 3), peak=(10, 400), burst=3, everywhere=True, weight=0.1,
    ),
    "snow": Style(
        count=(80, 800), speed=(20, 400), spread=(0.3, 1.5), heading=DOWN, fall=(1, 20), drag=(0.01, 0.5),
        life=(0.3, 2), radius=(1, 10), peak=(5, 250), burst=0, everywhere=True, weight=0.06,
    ),
    "lights": Style(
        count=(5, 40), speed=(3, 600), spread=(3.1, 3.2), heading=None, fall=(0.1, 1), drag=(0.01, 0.1),
        life=(2, 20), radius=(1, 8), peak=(30, 1000), burst=0, everywhere=True, weight=0.06,
    ),
}  # fmt: skip
