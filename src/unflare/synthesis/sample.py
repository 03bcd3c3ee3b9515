"""The embedded data set on disk, a sequence or a flare at a time: DSEC and Flare7K folders that need no download."""

from pathlib import Path

import numpy as np

from unflare.events import write_dsec, write_rectify_map
from unflare.params import Sample, Sensor
from unflare.runtime import Clock
from unflare.synthesis.backgrounds import background
from unflare.synthesis.glare import encoded, flare_pair
from unflare.synthesis.lamp import log_uniform
from unflare.synthesis.voltmeter import simulate

MORNING = 50_000_000_000  # microseconds, the clock of the first sequence; DSEC's t_offset is of this order
COLLECTIONS = ("Flare7K/Scattering_Flare", "Flare-R")


def write_sequence(root: Path, sample: Sample, sensor: Sensor, seed: int, number: int, clock: Clock) -> int:
    """Sequence `number` as <root>/DSEC/train/<kind>_NN/events/left/{events,rectify_map}.h5; how many events it has."""
    rng = np.random.default_rng((seed, 1, number))
    shape, kind = sample.shapes[number % len(sample.shapes)], sample.kinds[number % len(sample.kinds)]
    with clock("rendering"):
        description, video = background(kind, shape, rng)
        noise = int(rng.integers(2**63))
        camera = sensor.at(log_uniform(sample.thresholds, rng))
    with clock("simulator"):
        frames = clock.over("rendering", video.frames(description.times(sample.seconds, sample.frame_rate)))
        events = simulate(frames, camera, noise)
    folder = root / "DSEC" / "train" / f"{kind}_{number:02d}" / "events" / "left"
    with clock("writing"):
        write_rectify_map(folder / "rectify_map.h5", shape)
        return write_dsec(folder / "events.h5", [events], t_offset=MORNING + number * 100_000_000)


def write_flare(root: Path, seed: int, number: int, clock: Clock) -> int:
    """Flare `number` and its light source, two of three as in Flare7K, the third as in Flare-R; returns 2 (images)."""
    folder = root / "Flare7Kpp" / COLLECTIONS[number % 3 == 2]
    with clock("rendering"):
        pair = flare_pair(np.random.default_rng((seed, 2, number)))
    with clock("writing"):
        for name, image in zip(("Compound_Flare", "Light_Source"), pair, strict=True):
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / f"{number:06d}.png").write_bytes(encoded(image))
    return len(pair)
