"""How near the rules of fusion come to the exact answer, `exact`: the same scene, simulated as one light.

Two simulations of one light with other random numbers do not agree either, for what a pixel holds when the scene begins
is chance. How far they are apart is the floor: nothing that fuses can be asked to come nearer.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from unflare.events import Events
from unflare.params import Fusion, Lamp, Sensor
from unflare.runtime import Clock
from unflare.synthesis.exact import Case, Lights, labels, rendered
from unflare.synthesis.fusion import RULES, fuse
from unflare.synthesis.lamp import log_uniform
from unflare.synthesis.light import constant, filmed, integrated, scattered_part, shares
from unflare.synthesis.nearness import Labelled, nearness

NEAR = 0.5  # share of the background in the light, on average, below which a pixel lies near the flare

Rows = dict[str, dict[str, float]]
Metrics = Callable[[Events, Events], dict[str, float]]


@dataclass(frozen=True)
class Streams:
    """What the sensor sees of the background alone, and of the flare and of the light source alone."""

    background: Events
    flare: Events
    source: Events


@dataclass(frozen=True)
class Proved:
    """One case: row -> measure -> value, and seconds by part.

    floor                 the exact input again, with other random numbers
    <rule>                the rule, where the light of the background is known
    constant, integrated  `integrate` where it is not, with these proxies
    truth, truth_floor    `integrate` with the light source in place of the flare, and the exact truth again
    exact                 the exact input, by `metrics` alone
    """

    rows: Rows
    seconds: dict[str, float]


def prove(
    fusion: Fusion, lamp: Lamp, sensor: Sensor, levels: tuple[float, float], metrics: Metrics, case: Case
) -> Proved:
    """Every row of the proof for one case; a proxy's level is drawn from `levels`, as it is for a scene.

    metrics  of an input against its truth; here that of each rule against the exact one
    """
    clock = Clock()
    with clock("rendering"):
        lights = rendered(case, fusion, lamp)
    *seeds, own, coin = np.random.default_rng((case.seed, 1)).integers(2**63, size=4).tolist()
    with clock("simulator"):
        whole, unflared = (lights.background + other for other in (lights.flare, lights.source))
        inputs, truths = ([lights.events(sum_, sensor, seed) for seed in seeds] for sum_ in (whole, unflared))
        streams = Streams(
            *(lights.events(part, sensor, own) for part in (lights.background, lights.flare, lights.source))
        )
    with clock("fusion"):
        level = log_uniform(levels, np.random.default_rng((case.seed, 2)))
        found = dict(_fused(lights, streams, sensor, level, coin))
    with clock("comparison"):
        near = (lights.background / np.maximum(whole, 1e-6)).mean(axis=0) < NEAR
        exact, found["floor"] = (Labelled(events, labels(events, lights, sensor.k[1])) for events in inputs)
        kept = found.pop("truth")
        rows = {name: nearness(exact, one, near, fusion.duration) for name, one in found.items()}
        for name, one in {"exact": exact, **{name: found[name] for name in ("floor", *RULES)}}.items():
            rows[name] = rows.get(name, {}) | metrics(one.events, truths[0])
        source, again = (Labelled(events, np.zeros(len(events), np.float32)) for events in truths)
        rows |= {
            name: nearness(source, one, near, fusion.duration)
            for name, one in (("truth", kept), ("truth_floor", again))
        }
    return Proved(rows, clock.parts())


def summary(cases: Sequence[Rows]) -> dict[str, dict[str, dict[str, float]]]:
    """Row -> measure -> mean and spread (standard deviation of a sample) over the cases."""
    return {
        row: {
            measure: {"mean": float(np.mean(values)), "spread": float(np.std(values, ddof=min(1, len(values) - 1)))}
            for measure in cases[0][row]
            for values in [[case[row][measure] for case in cases]]
        }
        for row in cases[0]
    }


def _fused(lights: Lights, streams: Streams, sensor: Sensor, level: float, seed: int) -> Iterator[tuple[str, Labelled]]:
    """The input by each rule and with each proxy, and the truth."""
    dark, step = sensor.k[1], 1 / sensor.k[0]
    background, flare, source = (
        filmed(lights.times, frames) for frames in (lights.background, lights.flare, lights.source)
    )
    proxies = {"constant": constant(level), "integrated": integrated(streams.background, level, step, dark)}
    ways = {rule: (rule, background) for rule in RULES} | {name: ("integrate", own) for name, own in proxies.items()}
    for name, (rule, own) in ways.items():
        fused = fuse(streams.background, streams.flare, shares(own, flare, dark), rule, seed)
        yield name, Labelled(fused.events, fused.share * scattered_part(flare, source, fused.events))
    kept = fuse(streams.background, streams.source, shares(background, source, dark), "integrate", seed).events
    yield "truth", Labelled(kept, np.zeros(len(kept), np.float32))
