"""Result files of a run that never was, consistent with each other; tests plant faults in them."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

STEPS = 200
GIB = 2**30
PARTS = {"data": 0.05, "transfer": 0.01, "forward": 0.3, "loss": 0.01, "backward": 0.5, "optimizer": 0.04}
PARTS |= {"validation": 0.06, "checkpoint": 0.01, "tracking": 0.005, "rest": 0.015}
STAGE_PARTS = {
    "sample": {"rendering": 20.0, "simulation": 60.0, "writing": 9.5},
    "prepare": {"validation": 4.0},
    "synthesize": {"flare video": 30.0, "simulator": 70.0, "fusion": 12.0, "writing": 5.0},
    "featurize": {"reading": 1.0, "features": 9.0, "writing": 3.0},
    "train": {"training": 190.0, "import": 3.0},
    "evaluate": {"features": 5.0, "network": 50.0, "baselines": 10.0},
}
IMPLEMENTATIONS = {
    "sample": {"simulator": "numba, 2 threads"},
    "synthesize": {"simulator": "numba, 2 threads"},
    "featurize": {"features": "numba"},
    "train": {"scan": "fused kernel", "device": "cpu"},
    "evaluate": {"scan": "fused kernel", "device": "cpu"},
}
MACHINE = {"processor": "A processor", "cores": 2, "memory_bytes": 8 * GIB, "device": "none"}
MACHINE |= {"system": "Linux x86_64", "python": "3.11", "torch": "2.13.0"}
FACTS: dict[str, dict[str, Any]] = {
    "sample": {},
    "prepare": {"data_kind": "embedded"},
    "synthesize": {
        "scenes": {"train": 40, "validation": 8, "test": 12},
        "scenarios": {"mixed": 45, "flare_only": 6, "background_only": 9},
        "scenes_with_flare": 51,
        "simulated_videos": 102,
        "events_background": 5_000_000,
        "events_flare": 3_000_000,
        "events_truth": 5_400_000,
        "empty_scenes": 0,
        "polarity_on_share_flare": 0.52,
        "polarity_on_share_background": 0.47,
        "simulator": "numba, 2 threads",
    },
    "featurize": {"flare_share": {"train": 0.36, "validation": 0.41}},
    "train": {"reach": {"back": 900, "ahead": 0.0, "scan_error": 2.1e-6}},
    "evaluate": {},
}
METHODS = {  # precision, recall, F1, ROC-AUC, background kept, flare removed
    "unflare": (0.94, 0.92, 0.93, 0.981, 0.962, 0.92),
    "baf": (0.41, 0.55, 0.47, 0.56, 0.52, 0.55),
    "keep_all": (None, 0.0, 0.0, 0.5, 1.0, 0.0),
    "drop_all": (0.38, 1.0, 0.55, 0.5, 0.0, 1.0),
    "oracle": (1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
}


def write_results(root: Path, shape: tuple[int, int] = (48, 64)) -> Path:
    """A whole run below `root`; event pictures have this sensor's shape."""
    project = Path(__file__).parents[1]
    (root / "params.yaml").write_text((project / "params.yaml").read_text())
    edit(root / "params.yaml", lambda params: params["training"].update(steps=STEPS))
    edit(root / "params.yaml", lambda params: params["scenes"].update(FACTS["synthesize"]["scenes"]))
    for stage, parts in STAGE_PARTS.items():
        _json(root / f"reports/stages/{stage}.json", _stage(stage, parts))
    _write_training(root / "reports/training")
    _write_evaluation(root / "reports/evaluation", shape)
    card = {"id": "0123456789abcdef0123456789abcdef", "name": "a1b2c3d", "git.commit": "a1b2c3d" + "0" * 33}
    _json(root / "models/run.json", card | {"git.revision": "a1b2c3d", "git.dirty": "False"})
    outs = {"outs": [{"path": "data/scenes", "md5": "0123456789abcdef0123456789abcdef.dir"}]}
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": {"synthesize": outs}}))
    splits = {"train": range(6), "validation": range(6, 8), "test": range(8, 10)}
    sequences = {
        name: [{"name": f"night_{i}", "path": f"night_{i}/events.h5"} for i in of] for name, of in splits.items()
    }
    flares = {
        name: [{"name": f"{i}.png", "flare": f"Compound_Flare/{i}.png"} for i in of] for name, of in splits.items()
    }
    _json(root / "data/index.json", {"root": "data/sample", "sequences": sequences, "flares": flares, "skipped": []})
    return root


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Changes the content of a JSON or YAML file in place."""
    content = json.loads(path.read_text()) if path.suffix == ".json" else yaml.safe_load(path.read_text())
    change(content)
    path.write_text(json.dumps(content) if path.suffix == ".json" else yaml.safe_dump(content, sort_keys=False))


def write_memory(folder: Path, slope: float) -> None:
    """memory.csv with this growth in bytes a step, and noise of 2 MiB."""
    noise = np.random.default_rng(1).normal(0, 2 * 2**20, STEPS + 1)
    rows: list[tuple[object, ...]] = [(0.0, "start", 0, int(0.3 * GIB), 0), (1.0, "data", 0, int(0.4 * GIB), 0)]
    rows += [(2.0, "model", 0, int(0.55 * GIB), 0)]
    for step in range(1, STEPS + 1):
        phase = f"batch {step}" if step <= 3 else "training"
        rss = GIB * (1.0 - 0.3 * 0.2**step) + slope * step + noise[step]
        rows.append((2.0 + step, phase, step, int(rss), 0))
    rows.append((STEPS + 3.0, "threshold", STEPS, int(1.1 * GIB), 0))
    rows.append((STEPS + 12.0, "end", STEPS, int(0.9 * GIB), 0))
    _csv(folder / "memory.csv", ["seconds", "phase", "step", "rss_bytes", "device_bytes"], rows)


def _stage(name: str, parts: dict[str, float]) -> dict[str, Any]:
    total = sum(parts.values()) / 0.985
    memory = [
        {"phase": phase, "seconds": s, "step": 0, "rss": int(s * 1e8 + 4e8), "device": 0}
        for s, phase in enumerate("ab")
    ]
    content = {"stage": name, "seconds": total, "parts": parts | {"rest": 0.015 * total}, "memory": memory}
    return content | {"implementations": IMPLEMENTATIONS.get(name, {}), "facts": FACTS[name], "machine": MACHINE}


def _write_training(folder: Path) -> None:
    names = ["data", "transfer", "forward", "loss_seconds", "backward", "optimizer", "tracking"]
    header = ["step", "loss", "learning_rate", "gradient_norm", "seconds", *names]
    header += ["validation_loss", "validation_f1", "validation_auc"]
    rng = np.random.default_rng(0)
    rows = []
    for step in range(1, STEPS + 1):
        base = 0.1 + 0.6 * np.exp(-step / 40)
        row: list[object] = [
            step,
            base * rng.uniform(0.8, 1.2),
            3e-3,
            0.5,
            1.0,
            *(PARTS[n.removesuffix("_seconds")] for n in names),
        ]
        validated = [base * 1.1, 1 - base, 1 - base**2] if step % 20 == 0 else ["", "", ""]
        rows.append(row + validated)
    _csv(folder / "steps.csv", header, rows)
    write_memory(folder, slope=0.0)
    best = {"step": STEPS, "loss": 0.12, "f1": 0.93, "auc": 0.98}
    content = {
        "parameters": 271745,
        "scan": "fused kernel",
        "device": "cpu",
        "steps": STEPS,
        "events_seen": STEPS * 8192,
    }
    content |= {"best": best, "final": best, "train_loss_first": 0.6, "train_loss_last": 0.105}
    content |= {"seconds": {"total": 190.0, **{name: share * 190 for name, share in PARTS.items()}}}
    content |= {"events_per_second": STEPS * 8192 / 190, "memory": {"rss_peak": int(1.1 * GIB), "device_peak": 0}}
    _json(folder / "metrics.json", content)


def _write_evaluation(folder: Path, shape: tuple[int, int]) -> None:
    splits = {name: {method: _scenarios(*row) for method, row in METHODS.items()} for name in ("validation", "test")}
    _json(folder / "metrics.json", {"threshold": 0.42, "splits": splits, "seconds": {"unflare": 50.0, "baf": 1.0}})
    recall = np.linspace(0, 1, 40)
    rows = [("unflare", 1 - r, 1 - 0.6 * r**8, r, 0.7 * r**8 + 0.02 * r) for r in recall]
    rows += [("baf", 0.5, 0.41, 0.55, 0.48), ("drop_all", 0.5, 0.38, 1.0, 1.0)]
    _csv(folder / "curves.csv", ["method", "threshold", "precision", "recall", "false_positive_rate"], rows)
    np.savez_compressed(folder / "examples.npz", **_example(0, shape), **_example(1, shape))


def _scenarios(*row: float | None) -> dict[str, dict[str, float | None]]:
    names = ("precision", "recall", "f1", "roc_auc", "background_kept", "flare_removed")
    overall = dict(zip(names, row, strict=True)) | {"average_precision": row[3], "threshold": 0.42}
    overall |= {"events": 812_345, "flare_share": 0.38}
    alone = overall | {"events": 60_000, "flare_share": 0.0} | dict.fromkeys(names[:4]) | {"average_precision": None}
    background = alone | {"flare_removed": None, "background_kept": row[4]}
    flare = alone | {"flare_share": 1.0, "background_kept": None}
    return {"overall": overall, "mixed": overall, "flare_only": flare, "background_only": background}


def _example(number: int, shape: tuple[int, int]) -> dict[str, Any]:
    """A street of horizontal edges, and a flare: a disc with a streak."""
    rng = np.random.default_rng(number)
    height, width = shape
    many = height * width // 16
    y = (np.sort(rng.integers(1, 9, many)) * height // 9 + rng.normal(0, height / 90, many)).clip(0, height - 1)
    x = rng.integers(0, width, many)
    radius, angle = np.abs(rng.normal(0, height / 6, many)), rng.uniform(0, 2 * np.pi, many)
    flare_x = (width * 0.6 + radius * np.cos(angle) * rng.choice([1, 4], many)).clip(0, width - 1)
    flare_y = (height * 0.4 + radius * np.sin(angle) * (rng.uniform(size=many) < 0.7)).clip(0, height - 1)
    t = np.concatenate([np.sort(rng.integers(0, 20_000, many)) for _ in range(2)])
    order = np.argsort(t, kind="stable")
    flare = np.repeat(np.float32([0, 1]), many)
    fields = {"t": t, "x": np.concatenate([x, flare_x]).astype(np.uint16)}
    fields |= {"y": np.concatenate([y, flare_y]).astype(np.uint16), "p": rng.integers(0, 2, 2 * many).astype(np.uint8)}
    example = {f"{number}_input_{name}": values[order] for name, values in fields.items()}
    example |= {f"{number}_truth_{name}": values[order][flare[order] == 0] for name, values in fields.items()}
    example[f"{number}_flare"] = flare[order]
    example[f"{number}_probability"] = (flare * 0.8 + rng.uniform(0, 0.45, 2 * many)).astype(np.float32)[order]
    return example | {f"{number}_shape": np.array(shape), f"{number}_title": np.array(f"test/000{number}")}


def _json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, sort_keys=True))


def _csv(path: Path, header: list[str], rows: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
