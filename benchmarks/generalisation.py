"""How a network does by sensor, background, lamp, threshold and rate, within its training and beyond; real recordings.

python benchmarks/generalisation.py src/unflare/weights --scenes 24 --seed 99 traffic.npz cradle.npz

Each line is of mixed scenes that are made for it, of sequences and flares of a seed of its own, from `seed` on, which
no training has seen unless it had the same. One choice of params.yaml is changed at a time, and what `make weights`
never chose is called beyond it; below stand all scenes within it by event rate. Scores are over all events of a line,
at the threshold that the network brings. Of the recordings it is the share of events that is removed: of one without
flare, the share that is lost.
"""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import numpy as np
import torch
import typer
from rich.progress import track

from unflare import params, runtime
from unflare.evaluation.benchmark import probability
from unflare.events import SPLITS, Array, Scene, build, open_recording
from unflare.inference import NetworkScorer
from unflare.network import Classifier
from unflare.runtime import Clock
from unflare.scores import scores
from unflare.synthesis.compose import make_scene, plan
from unflare.synthesis.sample import write_flare, write_sequence

KINDS, THRESHOLDS = ("objects", "street", "sparks", "street"), (0.6, 1.6)
MIXED = {"flare_only": 0.0, "background_only": 0.0, "thresholds": THRESHOLDS}
BASE: Mapping[str, Mapping[str, object]] = {
    "data": {"validation": 1 / 3, "test": 1 / 3},
    "sample": {"seconds": 1.02, "kinds": KINDS, "thresholds": THRESHOLDS},
    "scenes": MIXED,
}
WITHIN: dict[str, Mapping[str, Mapping[str, object]]] = {
    "all kinds": {},
    "346x260": {"sample": {"shapes": ((260, 346),)}},
    "640x480": {"sample": {"shapes": ((480, 640),)}},
    "1280x720": {"sample": {"shapes": ((720, 1280),)}},
    "streets": {"sample": {"kinds": ("street",)}},
    "objects": {"sample": {"kinds": ("objects",)}},
    "sparks": {"sample": {"kinds": ("sparks",)}},
    "steady lamps": {"lamp": {"steady": 1.0, "dimmed": 0.0}},
    "on the mains": {"lamp": {"steady": 0.0, "dimmed": 0.0}},
    "dimmed at 0.12 to 1 kHz": {"lamp": {"steady": 0.0, "dimmed": 1.0}},
}
BEYOND: dict[str, Mapping[str, Mapping[str, object]]] = {
    "320x240": {"sample": {"shapes": ((240, 320),)}},
    "dimmed at 1 to 5 kHz": {"lamp": {"steady": 0.0, "dimmed": 1.0, "dimmed_hertz": (1000.0, 5000.0)}},
    "three to five lamps": {"lamp": {"count": (3, 5)}},
    "lamps twice as fast": {"lamp": {"speed": 3000.0}},
    "thresholds x 0.4 to 0.6": {"sample": {"thresholds": (0.4, 0.6)}, "scenes": {"thresholds": (0.4, 0.6)}},
    "thresholds x 2 to 3": {"sample": {"thresholds": (2.0, 3.0)}, "scenes": {"thresholds": (2.0, 3.0)}},
}
CASES = WITHIN | {f"beyond: {name}": case for name, case in BEYOND.items()}
RATES = {"below 0.1": (0.0, 0.1), "0.1 to 1": (0.1, 1.0), "1 to 10": (1.0, 10.0), "above 10": (10.0, np.inf)}
SCORES = ("f1", "roc_auc", "background_kept", "flare_removed")


class Said(NamedTuple):
    """What the network said of a scene, the truth, and how busy it is."""

    probability: Array
    flare: Array
    rate: float  # million events a second


def scenes_of(p: params.Params) -> list[Scene]:
    """All scenes of a data set of their own, of each split."""
    clock = Clock()
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for number in range(p.sample.sequences):
            write_sequence(root, p.sample, p.sensor, p.seed, number, clock)
        for number in range(p.sample.flares):
            write_flare(root, p.seed, number, clock)
        index = build(root, p.scenes.duration, p.data.validation, p.data.test, p.seed)
        jobs = [job for split in SPLITS for job in plan(index, split, p.scenes, p.seed)]
        return [make_scene(p.scenes, p.lamp, p.sensor, job, clock) for job in jobs]


def changed(p: params.Params, seed: int, scenes: int, case: Mapping[str, Mapping[str, object]]) -> params.Params:
    """The parameters with values of their nouns replaced, checked."""
    content = p.model_dump() | {"seed": seed}
    sizes = {"scenes": dict.fromkeys(SPLITS, -(-scenes // len(SPLITS)))}
    sizes["sample"] = {"sequences": max(6, scenes // 2), "flares": max(12, scenes)}
    for change in (BASE, sizes, case):
        content |= {noun: content[noun] | dict(values) for noun, values in change.items()}
    return params.Params.model_validate(content)


def line(name: str, said: list[Said], threshold: float) -> str:
    chosen, flare = (np.concatenate([getattr(one, column) for one in said]) for column in ("probability", "flare"))
    found = scores(chosen, flare, threshold)
    values = [getattr(found, score) for score in SCORES]
    texts = ["–" if value is None else f"{value:.3f}" for value in values]
    return f"| {name} | {len(said)} | {len(flare) / 1e6:.2f} | {' | '.join(texts)} |"


def removed(scorer: NetworkScorer, path: Path, thresholds: Mapping[str, float]) -> str:
    with open_recording(path) as recording:
        said = np.concatenate(list(scorer(recording.chunks())))
    shares = " | ".join(f"{np.mean(said >= threshold):.1%}" for threshold in thresholds.values())
    return f"| {path.parent.name}/{path.name} | {len(said) / 1e6:.2f} | {shares} |"


def main(
    model: Annotated[Path, typer.Argument(help="A saved network, or its folder.")],
    recordings: Annotated[list[Path] | None, typer.Argument(help="Real recordings.")] = None,
    scenes: Annotated[int, typer.Option(help="Scenes of a line, a multiple of three; 0: recordings alone.")] = 6,
    seed: Annotated[int, typer.Option(help="Of the first line; the training's must not be among them.")] = 99,
) -> None:
    scorer = NetworkScorer.of(Classifier.load(model, torch.device("cuda" if torch.cuda.is_available() else "cpu")))
    threshold, p = scorer.network.facts["threshold"], params.load()
    everything: list[Said] = []
    print(f"| scenes | | million events | {' | '.join(SCORES)} |\n|---|{'---:|' * (2 + len(SCORES))}")
    jobs = [changed(p, seed + n, scenes, case) for n, case in enumerate(CASES.values())] if scenes else []
    made = runtime.parallel(scenes_of, jobs, runtime.workers())
    for of_case, name in zip(track(made, "cases", len(jobs)), CASES, strict=False):
        said = [
            Said(probability(scorer, scene.events), scene.flare, len(scene.events) / scene.recipe["duration"])
            for scene in of_case
        ]
        everything += said if name in WITHIN else []
        print(line(name, said, threshold))
    for name, (low, high) in RATES.items():
        if chosen := [one for one in everything if low <= one.rate < high]:
            print(line(f"{name} million events a second", chosen, threshold))
    kept = scorer.network.facts.get("background_thresholds", {})
    thresholds = {f"at {threshold:.3f}": threshold, **{f"keeping {share}": value for share, value in kept.items()}}
    print(f"\n| recording | million events | {' | '.join(thresholds)} |\n|---|{'---:|' * (1 + len(thresholds))}")
    for path in recordings or []:
        print(removed(scorer, path, thresholds))


if __name__ == "__main__":
    typer.run(main)
