"""What measuring and tracking add to a training step: steps with and without them in turn, in one process.

python benchmarks/overhead.py data/features          after `dvc repro featurize`
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch

from unflare import params, runtime, tracking
from unflare.features.store import Cache
from unflare.network import Classifier
from unflare.training import History, Trainer

BLOCK, PAIRS = 20, 15  # steps; blocks of either kind


class Silent(runtime.Clock):
    """A clock that measures nothing."""

    def __call__(self, part: str) -> AbstractContextManager[None]:
        return nullcontext()


def main(features: Path) -> None:
    p, device = params.load(), runtime.device()
    cache = Cache(features / "train", p.features.window)
    plan = p.training.model_copy(update={"steps": BLOCK * (PAIRS + 1), "validate_every": BLOCK * PAIRS * 10})

    def trainer() -> Trainer:
        torch.manual_seed(p.seed)
        return Trainer(Classifier(p.network, cache.mean, cache.std).to(device), plan)

    clock = runtime.Clock(device)
    plain = trainer().steps(cache, cache, p.seed, Silent(), loaders=0)
    measured = trainer().steps(cache, cache, p.seed, clock, loaders=0)
    history = History(clock)

    with tempfile.TemporaryDirectory() as folder:
        os.environ["DVC_ROOT"] = folder
        with tracking.run("train") as run:

            def without() -> None:
                for _ in range(BLOCK):
                    next(plain)

            def with_both() -> None:
                with runtime.Memory(runtime.Limit(2**60, "no limit")) as memory:
                    for _ in range(BLOCK):
                        row = history.add(next(measured))
                        memory.mark("training", int(row["step"]))
                        run.metrics({f"time/{name}": row[name] for name in row}, int(row["step"]))

            without(), with_both()
            pairs = [(timed(without), timed(with_both)) for _ in range(PAIRS)]
    ratios = sorted(after / before for before, after in pairs)
    middle = statistics.median(ratios)
    step = statistics.median(before for before, _ in pairs) / BLOCK
    print(f"{device}, {plan.batch} x {plan.window} events: {1000 * step:.2f} ms a step without")
    print(
        f"with measuring and tracking: x {middle:.4f} (quartiles {ratios[PAIRS // 4]:.4f}, {ratios[-PAIRS // 4]:.4f})"
    )


def timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


if __name__ == "__main__":
    main(Path(sys.argv[1]))
