"""What a training reads: events a second of its batches, from the cache and computed, against the training itself.

python benchmarks/reading.py data/scenes data/features
"""

import sys
import time
from pathlib import Path

import torch

from unflare import params, runtime
from unflare.features.store import Cache
from unflare.network import Classifier
from unflare.runtime import Limit
from unflare.training import scaling
from unflare.training.batches import Batches
from unflare.training.computed import Computed
from unflare.training.fit import loader
from unflare.training.sources import Source

STEPS = 400  # of a measurement, after the first tenth


def rate(source: Source, plan: params.Training, processes: int, device: torch.device) -> float:
    """Events a second of batches that arrive on the device."""
    batches = iter(loader(Batches(source, plan, seed=0), range(STEPS + STEPS // 10), processes))
    for _ in range(STEPS // 10):
        next(batches)
    start = time.perf_counter()
    for batch in batches:
        _ = [tensor.to(device) for tensor in batch[:3]]
    if device.type == "cuda":
        torch.cuda.synchronize()
    return STEPS * plan.batch * plan.window / (time.perf_counter() - start)


def main(scenes: Path, features: Path) -> None:
    p, device = params.load(), runtime.device()
    cache = Cache(features / "train", p.features.window)
    start = time.perf_counter()
    computed = Computed(scenes / "train", p.features.window, device, lambda: ("any", 0, Limit(1 << 62, "no limit")))
    print(f"{device}: {cache.count:,} events; reading and computing them took {time.perf_counter() - start:.1f} s")
    for batch, window in ((p.training.batch, p.training.window), (16, 4096)):
        plan = p.training.model_copy(update={"batch": batch, "window": window, "steps": 2 * STEPS})
        network = Classifier(p.network, cache.mean, cache.std).to(device)
        trains = scaling(network, computed, plan, 0, largest=batch)[0]["events_per_second"]
        print(f"{batch} x {window}: the training, forward and backward, {trains:,.0f} events/s")
        for name, source, processes in (
            ("cache", cache, 0),
            ("cache", cache, 1),
            ("cache", cache, 2),
            ("computed", computed, 0),
        ):
            found = rate(source, plan, processes, device)
            print(f"  {name}, {processes} processes: {found:12,.0f} events/s, {found / trains:6.1f} times the training")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
