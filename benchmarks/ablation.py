"""What each feature is worth: networks trained without it, and networks that see it permuted, against those with all.

python benchmarks/ablation.py data/scenes --seeds 3 --batch 8 --processes 2

ROC-AUC, mean over the scenes that have both flare and background, and over the seeds; their standard deviation behind
it. A feature is left out by its mean in place of every value, so the network keeps its shape.
"""

import itertools
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
import torch
import typer
from rich.progress import track

from unflare import params
from unflare.features import FEATURES
from unflare.network import Classifier
from unflare.runtime import Clock, Limit
from unflare.scores import scores
from unflare.training import Trainer
from unflare.training.computed import Computed
from unflare.training.sources import Source
from unflare.training.validation import score_scene

SPLITS = ("train", "validation", "test")
NO_LIMIT = Limit(1 << 62, "no limit")
Row: TypeAlias = tuple[str, int, dict[str, float]]  # what was done, seed, scores by split


class Changed:
    """A source whose feature number `column` says nothing: its mean, or the values of other events."""

    def __init__(self, source: Source, column: int, seed: int | None) -> None:
        self.source, self.column = source, column
        self.count, self.offsets, self.names = source.count, source.offsets, source.names
        self.mean, self.std, self.implementation = source.mean, source.std, source.implementation
        self.values: torch.Tensor | None = None
        if seed is not None:
            whole = [source.window(int(a), int(b - a))[0][:, column] for a, b in itertools.pairwise(source.offsets)]
            order = np.random.default_rng(seed).permutation(source.count)
            self.values = torch.cat(whole)[torch.from_numpy(order).to(whole[0].device)]

    def window(self, start: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        features, flare = self.source.window(start, length)
        features = features.clone()
        features[:, self.column] = self.mean[self.column] if self.values is None else self.values[start:][:length]
        return features, flare


def prepare(scenes: Path, turn: Any) -> None:  # noqa: ANN401
    """What a process needs, once: the features of all scenes, on its device."""
    global device, sources
    with turn.get_lock():
        number, turn.value = turn.value, turn.value + 1
    torch.set_num_threads(1)
    device = (
        torch.device("cuda", number % torch.cuda.device_count()) if torch.cuda.is_available() else torch.device("cpu")
    )
    if device.type == "cuda":
        torch.cuda.set_device(device)
    window = params.load().features.window
    sources = {split: Computed(scenes / split, window, device, lambda: (device.type, 0, NO_LIMIT)) for split in SPLITS}


def trial(job: tuple[int | None, int, int]) -> list[Row]:
    """One network: trained without a feature, or with all and then shown each of them permuted."""
    column, seed, batch = job
    p = params.load()
    train, validation = (given(sources[split], column) for split in SPLITS[:2])
    torch.manual_seed(seed)
    network = Classifier(p.network, train.mean, train.std).to(device)
    trainer = Trainer(network, p.training.model_copy(update={"batch": batch}))
    for _ in trainer.steps(train, validation, seed, Clock(), loaders=0):
        pass
    network = trainer.take_best()
    if column is not None:
        return [(f"without {FEATURES[column]}", seed, judged(network, column))]
    rows = [("with all", seed, judged(network, None))]
    return rows + [(f"permuted {name}", seed, judged(network, i, seed)) for i, name in enumerate(FEATURES)]


def given(source: Source, column: int | None, seed: int | None = None) -> Source:
    return source if column is None else Changed(source, column, seed)


def judged(network: Classifier, column: int | None, seed: int | None = None) -> dict[str, float]:
    """Mean ROC-AUC over the scenes of validation and test."""
    found = {}
    for split in SPLITS[1:]:
        source = given(sources[split], column, seed)
        areas = [scores(*score_scene(network, source, i), 0.5).roc_auc for i in range(len(source.names))]
        found[split] = float(np.mean([area for area in areas if area is not None]))
    return found


def main(
    scenes: Annotated[Path, typer.Argument(help="Folder with train, validation and test scenes.")],
    seeds: Annotated[int, typer.Option(help="Networks of each kind.")] = 3,
    batch: Annotated[int, typer.Option(help="Windows of a step; the rest is as in params.yaml.")] = 8,
    processes: Annotated[int, typer.Option(help="Networks at a time.")] = 2,
) -> None:
    jobs = [(column, seed, batch) for seed in range(1, seeds + 1) for column in (None, *range(len(FEATURES)))]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, prepare, (scenes, spawn.Value("i", 0))) as pool:
        rows = list(itertools.chain.from_iterable(track(pool.map(trial, jobs), "networks", len(jobs))))
    print("\n".join(table(rows)))


def table(rows: list[Row]) -> Iterator[str]:
    """As Markdown, a line for all features and then one for each."""

    def cells(name: str) -> str:
        of = [found for row, _, found in rows if row == name]
        return " | ".join(f"{np.mean(a):.3f} ± {np.std(a):.3f}" for a in ([f[s] for f in of] for s in SPLITS[1:]))

    yield "| feature | left out: validation | test | permuted: validation | test |"
    yield "|---|---:|---:|---:|---:|"
    yield f"| with all | {cells('with all')} | | |"
    for name in FEATURES:
        yield f"| {name} | {cells(f'without {name}')} | {cells(f'permuted {name}')} |"


if __name__ == "__main__":
    typer.run(main)
