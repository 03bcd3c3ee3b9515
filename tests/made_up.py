"""Result files of a run that never was, consistent with each other; tests plant faults in them."""

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from unflare.reporting.comparison import Snapshot, snapshot
from unflare.reporting.records import Records

STEPS, BATCH, WINDOW = 200, 2, 1024
TOTAL = 190.0  # seconds of the training
GIB = 2**30
PARTS = {"reading": 0.05, "waiting": 0.0, "transfer": 0.01, "forward": 0.3, "loss": 0.01, "backward": 0.5}
PARTS |= {
    "optimizer": 0.04,
    "validation": 0.06,
    "checkpoint": 0.01,
    "tracking": 0.003,
    "measuring": 0.002,
    "rest": 0.015,
}
STAGE_PARTS = {
    "sample": {"start-up": 1.0, "sequences and flares": 89.5},
    "prepare": {"start-up": 0.6, "validation": 3.4},
    "fusion": {"start-up": 1.0, "cases": 20.0},
    "synthesize": {"start-up": 1.0, "scenes": 117.0},
    "featurize": {"start-up": 0.7, "reading": 1.0, "features": 9.0, "writing": 3.0},
    "train": {"start-up": 3.0, "reading": 0.1, "threshold": 5.0},  # and the parts of the training
    "evaluate": {"start-up": 2.0, "unflare": 50.0, "baf": 10.0, "results": 3.0},
}
WORKERS = {
    "sample": {"processes": 2, "seconds": {"sequences": 150.0, "flares": 12.0}},
    "fusion": {"processes": 2, "seconds": {"rendering": 10.0, "simulator": 18.0, "comparison": 9.0}},
    "synthesize": {"processes": 2, "seconds": {"simulation and fusion": 210.0, "writing": 9.0}},
}
SIMULATOR, SCAN = "DVS-Voltmeter, numba", "selective scan, numba, float32"
IMPLEMENTATIONS = {
    "sample": {"simulator": SIMULATOR, "processes": "2"},
    "fusion": {"simulator": SIMULATOR},
    "synthesize": {"simulator": SIMULATOR, "fusion": "integrate", "processes": "2"},
    "featurize": {"features": "numba, 1 thread"},
    "train": {"scan": SCAN, "device": "cpu"},
    "evaluate": {"scan": SCAN, "device": "cpu"},
}
MACHINE = {"processor": "A processor", "cores": 2, "memory_bytes": 8 * GIB, "device": "none"}
MACHINE |= {"system": "Linux x86_64", "python": "3.11", "torch": "2.13.0"}
LIMIT = {"host": {"bytes": 6 * GIB, "source": "90% of what was free"}, "device": None}
MEASURES = ("correlation", "error", "blocks_correlation", "blocks_error", "ratio", "near", "polarity", "time")
MEASURES += ("flare", "label")
METRICS = ("chamfer_distance", "gaussian_distance", "voxel_mse", "pmse_2", "pmse_4", "rf1", "tf1", "tpf1", "pger")
PUBLISHED = dict.fromkeys(
    ("floor", "integrate", "pnl_es", "union", "constant", "integrated"),
    (0.9, 0.4, 0.02, 0.01, 0.01, 0.5, 0.6, 0.7, 1.5),
)
NEARNESS = {  # of each row of the proof, by measure
    "floor": (0.71, 0.75, 0.965, 0.23, 0.998, 0.99, 0.0, 16.1, 0.001, 0.014),
    "integrate": (0.68, 0.78, 0.956, 0.26, 0.997, 0.97, 0.006, 16.9, -0.02, 0.062),
    "pnl_es": (0.67, 0.83, 0.941, 0.30, 1.116, 1.22, 0.003, 16.8, 0.018, 0.061),
    "union": (0.65, 1.02, 0.861, 0.55, 1.405, 1.73, 0.003, 16.5, 0.111, 0.06),
    "constant": (0.64, 0.81, 0.919, 0.32, 0.916, 0.74, 0.009, 17.7, -0.085, 0.077),
    "integrated": (0.64, 0.81, 0.919, 0.32, 0.916, 0.74, 0.012, 17.7, -0.084, 0.076),
    "truth_floor": (0.70, 0.84, 0.964, 0.26, 0.997, 0.98, 0.0, 18.3, 0.0, 0.0),
    "truth": (0.69, 0.84, 0.963, 0.27, 1.0, 0.98, 0.002, 18.4, 0.0, 0.0),
}
FACTS: dict[str, dict[str, Any]] = {
    "sample": {},
    "prepare": {"data_kind": "embedded"},
    "fusion": {
        "cases": 12,
        "rows": {
            row: {
                name: {"mean": value, "spread": 0.01}
                for name, value in zip(MEASURES + METRICS, values + PUBLISHED.get(row, ()), strict=False)
            }
            for row, values in NEARNESS.items()
        }
        | {"exact": {name: {"mean": 0.5, "spread": 0.01} for name in METRICS}},
    },
    "synthesize": {
        "scenes": {"train": 40, "validation": 8, "test": 12},
        "scenarios": {"mixed": 45, "flare_only": 6, "background_only": 9},
        "scenes_with_flare": 51,
        "simulated_videos": 102,
        "events_simulated": 6_200_000,
        "events_background": 5_000_000,
        "events_flare": 3_000_000,
        "events_truth": 5_400_000,
        "empty_scenes": 0,
        "polarity_on_share_flare": 0.52,
        "polarity_on_share_background": 0.47,
        "simulator": SIMULATOR,
    },
    "featurize": {"flare_share": {"train": 0.36, "validation": 0.41}},
    "train": {"reach": {"back": 900, "ahead": 0.0, "scan_error": 2.1e-6}},
    "evaluate": {},
}
DISTANCES = {"unflare": 0.3, "shipped": 0.25, "baf": 2.4, "keep_all": 0.7, "drop_all": 100, "oracle": 0.2, "comb": 1.4}
METHODS = {  # precision, recall, F1, ROC-AUC, background kept, flare removed
    "unflare": (0.94, 0.92, 0.93, 0.981, 0.962, 0.92),
    "shipped": (0.96, 0.9, 0.929, 0.979, 0.97, 0.9),
    "baf": (0.41, 0.55, 0.47, 0.56, 0.52, 0.55),
    "keep_all": (None, 0.0, 0.0, 0.5, 1.0, 0.0),
    "drop_all": (0.38, 1.0, 0.55, 0.5, 0.0, 1.0),
    "oracle": (1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
}


def write_results(root: Path, shape: tuple[int, int] = (48, 64)) -> Path:
    """A whole run below `root`; event pictures have this sensor's shape."""
    project = Path(__file__).parents[1]
    (root / "params.yaml").write_text((project / "params.yaml").read_text())
    edit(root / "params.yaml", lambda params: params["training"].update(steps=STEPS, batch=BATCH, window=WINDOW))
    edit(root / "params.yaml", lambda params: params["scenes"].update(FACTS["synthesize"]["scenes"]))
    for stage in STAGE_PARTS:
        _json(root / f"reports/stages/{stage}.json", _stage(stage))
    _write_training(root / "reports/training")
    _write_evaluation(root / "reports/evaluation", shape)
    card = {"id": "0123456789abcdef0123456789abcdef", "name": "a1b2c3d", "git.commit": "a1b2c3d" + "0" * 33}
    card |= {"git.revision": "a1b2c3d", "git.dirty": "False", "reproduce": "git checkout a1b2c3d && dvc repro"}
    _json(root / "models/run.json", card)
    _write_index(root / "data/index.json")
    _json(root / "reports/previous.json", _previous(root))
    lock(root)
    return root


def lock(root: Path) -> None:
    """dvc.lock of the files and parameters that are there now."""
    params = yaml.safe_load((root / "params.yaml").read_text())
    wrote = {stage: [f"reports/stages/{stage}.json"] for stage in STAGE_PARTS}
    wrote["prepare"] += ["data/index.json"]
    wrote["train"] += [f"reports/training/{name}" for name in ("steps.csv", "memory.csv", "metrics.json")]
    wrote["evaluate"] += [
        f"reports/evaluation/{name}" for name in ("metrics.json", "curves.csv", "examples.npz", "gallery.npz")
    ]
    folders = {"sample": "data/sample", "synthesize": "data/scenes", "featurize": "data/features", "train": "models"}
    reads = {"synthesize": "data/sample", "featurize": "data/scenes", "train": "data/features", "evaluate": "models"}
    used = {
        "sample": ["seed", "sample"],
        "synthesize": ["seed", "scenes"],
        "fusion": ["fusion"],
        "train": ["seed", "training", "network"],
    }
    stages: dict[str, Any] = {}
    for stage, files in wrote.items():
        outs = [{"path": file, "md5": hashlib.md5((root / file).read_bytes()).hexdigest()} for file in files]
        outs += [_folder(folders[stage])] if stage in folders else []
        stages[stage] = {"cmd": f"python stages/{stage}.py", "outs": outs}
        stages[stage]["deps"] = [_folder(reads[stage])] if stage in reads else []
        stages[stage]["params"] = {"params.yaml": {name: params[name] for name in used.get(stage, [])}}
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))


def _folder(path: str) -> dict[str, str]:
    return {"path": path, "md5": "0123456789abcdef0123456789abcdef.dir"}


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Changes the content of a JSON or YAML file in place."""
    content = json.loads(path.read_text()) if path.suffix == ".json" else yaml.safe_load(path.read_text())
    change(content)
    path.write_text(json.dumps(content) if path.suffix == ".json" else yaml.safe_dump(content, sort_keys=False))


def write_memory(folder: Path, slope: float, *, device: int = 0, drift: float = 0.0) -> None:
    """memory.csv of a curve that grows by `slope` bytes a step and wanders, in bytes a step, by `drift`.

    Noise of 2 MiB; the device holds `device` bytes and grows by the same slope.
    """
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 2 * 2**20, STEPS + 1)
    noise += np.cumsum(rng.normal(0, drift, STEPS + 1)) if drift else 0.0
    sizes = [("start", 0, 0.3 * GIB), ("data", 0, 0.4 * GIB), ("model", 0, 0.55 * GIB)]
    for step in range(1, STEPS + 1):
        phase = f"batch {step}" if step <= 3 else "training"
        sizes.append((phase, step, GIB * (1.0 - 0.3 * 0.2**step) + slope * step + noise[step]))
    sizes += [("threshold", STEPS, 1.1 * GIB), ("end", STEPS, 0.9 * GIB)]
    rows = []
    for number, (phase, step, rss) in enumerate(sizes):
        held = device + slope * step if device and step else 0
        rows.append((number * TOTAL / STEPS, phase, step, int(rss), int(held), int(1.2 * held)))
    header = ["seconds", "phase", "step", "rss_bytes", "device_bytes", "device_peak_bytes"]
    _csv(folder / "memory.csv", header, rows)


def use_device(root: Path) -> None:
    """The same run on a GPU."""
    scan = {"scan": "mamba_ssm 2.3 selective_scan_fn, float32", "device": "cuda"}
    for stage in ("train", "evaluate"):
        path = root / f"reports/stages/{stage}.json"
        edit(path, lambda record: record["implementations"].update(scan))
        edit(path, lambda record: record["machine"].update(device="A GPU"))
        edit(path, lambda record: record["limit"].update(device={"bytes": 16 * GIB, "source": "90% of what was free"}))
        edit(path, lambda record: record["memory"][-1].update(device=GIB, device_peak=2 * GIB))
    guard = {"kind": "device", "predicted": int(2.1 * GIB), "measured": 2 * GIB, "allowed": 16 * GIB}
    path = root / "reports/training/metrics.json"
    edit(path, lambda record: record.update(scan) or record["guard"].update(guard))
    edit(path, lambda record: record["memory"].update(device_peak=2 * GIB))
    write_memory(root / "reports/training", slope=0.0, device=GIB)
    lock(root)


def _stage(name: str) -> dict[str, Any]:
    parts = dict(STAGE_PARTS[name])
    if name == "train":
        parts |= {part: parts.get(part, 0.0) + share * TOTAL for part, share in PARTS.items() if part != "rest"}
    total = sum(parts.values()) / 0.985
    high = 1.1 * GIB if name == "train" else 0.5 * GIB
    memory = [
        {"phase": phase, "seconds": s, "step": 0, "rss": int(rss), "device": 0, "device_peak": 0}
        for s, (phase, rss) in enumerate({"start": 0.3 * GIB, "end": high}.items())
    ]
    content = {"stage": name, "seconds": total, "parts": parts | {"rest": 0.015 * total}, "memory": memory}
    content |= {"workers": WORKERS[name]} if name in WORKERS else {}
    content |= {"implementations": IMPLEMENTATIONS.get(name, {}), "facts": FACTS[name], "machine": MACHINE}
    return content | {"limit": LIMIT}


def _write_training(folder: Path) -> None:
    names = [name for name in PARTS if name != "rest"]
    header = ["step", "loss", "learning_rate", "gradient_norm", "seconds"]
    header += ["loss_seconds" if name == "loss" else name for name in names]
    header += ["validation_loss", "validation_f1", "validation_auc"]
    rng = np.random.default_rng(0)
    base = [0.1 + 0.6 * np.exp(-step / 40) for step in range(1, STEPS + 1)]
    losses = [value * rng.uniform(0.8, 1.2) for value in base]
    rows = []
    for step, (value, loss) in enumerate(zip(base, losses, strict=True), start=1):
        spent = TOTAL / STEPS
        row: list[object] = [step, loss, 3e-3, 0.5, spent, *(PARTS[name] * spent for name in names)]
        # The optimum lies at step 180: what came after it was a little worse.
        checked = value * 1.1 + 0.02 * max(0, step - 180) / 20
        rows.append(row + ([checked, 1 - value, 1 - value**2] if step % 20 == 0 else ["", "", ""]))
    _csv(folder / "steps.csv", header, rows)
    write_memory(folder, slope=0.0)
    _json(folder / "metrics.json", _summary(losses))


def _summary(losses: list[float]) -> dict[str, Any]:
    tenth, events = STEPS // 10, BATCH * WINDOW
    content: dict[str, Any] = {"parameters": 271745, "scan": SCAN, "device": "cpu", "steps": STEPS}
    content |= {"events_seen": STEPS * events, "events_per_second": STEPS * events / TOTAL}
    content |= {"best": {"step": 180, "loss": 0.117, "f1": 0.93, "auc": 0.98}}
    content |= {"final": {"step": STEPS, "loss": 0.134, "f1": 0.92, "auc": 0.98}}
    content |= {"train_loss_first": float(np.mean(losses[:tenth])), "train_loss_last": float(np.mean(losses[-tenth:]))}
    content |= {"seconds": {"total": TOTAL, **{name: share * TOTAL for name, share in PARTS.items()}}}
    content |= {"memory": {"rss_peak": int(1.1 * GIB), "device_peak": 0}, "interruptions": []}
    content |= {"loaders": 0, "loader_seconds": 0.0}
    content |= {"parity": {"precision": "float32"}}
    overhead = {"clock": 5000 * 2e-6, "sampler": 0.2}
    overhead |= {name: PARTS[name] * TOTAL for name in ("measuring", "tracking")}
    cost = sum(overhead.values())
    content |= {"overhead": overhead | {"borders": 5000, "border_seconds": 2e-6, "total": cost, "share": cost / TOTAL}}
    guard = {"kind": "host", "predicted": int(1.15 * GIB), "measured": int(1.1 * GIB), "allowed": 6 * GIB}
    content |= {"guard": guard | {"base": int(0.55 * GIB), "bytes_per_event": 310_000.0, "largest_batch": 6}}
    rate = content["events_per_second"]
    return content | {"scaling": [{"batch": b, "events_per_second": rate * (1 + 0.02 * b)} for b in (2, 4, 6)]}


def _write_index(path: Path) -> None:
    splits = {"train": range(6), "validation": range(6, 8), "test": range(8, 10)}
    sequences = {
        name: [{"name": f"night_{i}", "path": f"night_{i}/events.h5"} for i in of] for name, of in splits.items()
    }
    flares = {
        name: [{"name": f"{i}.png", "flare": f"Compound_Flare/{i}.png"} for i in of] for name, of in splits.items()
    }
    content = {"root": "data/sample", "embedded": True, "sequences": sequences, "flares": flares, "skipped": []}
    _json(path, content)


def _previous(root: Path) -> Snapshot:
    """A run before this one: fewer steps, lower scores, a slower feature kernel."""
    before = snapshot(Records(root))
    before["run"] = {"id": "fedcba9876543210fedcba9876543210", "name": "9f8e7d6"}
    before["params"]["training.steps"] = 100
    before["scores"] |= {"f1": 0.91, "roc_auc": 0.975}
    before["seconds"]["featurize"] *= 2
    before["step"]["forward"] *= 1.25
    return before


def _write_evaluation(folder: Path, shape: tuple[int, int]) -> None:
    splits = {name: {method: _scenarios(*row) for method, row in METHODS.items()} for name in ("validation", "test")}
    for method, distance in DISTANCES.items():
        splits["test"].setdefault(method, {}).setdefault("overall", {}).update(_streams(distance, method in METHODS))
    content = {"threshold": 0.42, "splits": splits, "seconds": {"unflare": 50.0, "baf": 1.0}}
    content["weights"] = {
        "unflare": {"weights": "0" * 16, "seed": 20260101},
        "shipped": {"weights": "1" * 16, "seed": 7},
    }
    _json(folder / "metrics.json", content | {"choices": {"baf": {"window": 10_000}}})
    recall = np.linspace(0, 1, 40)
    rows = [("unflare", 1 - r, 1 - 0.6 * r**8, r, 0.7 * r**8 + 0.02 * r) for r in recall]
    rows += [("baf", 0.5, 0.41, 0.55, 0.48), ("drop_all", 0.5, 0.38, 1.0, 1.0)]
    _csv(folder / "curves.csv", ["method", "threshold", "precision", "recall", "false_positive_rate"], rows)
    np.savez_compressed(folder / "examples.npz", **_example(0, shape), **_example(1, shape))
    tiles = [_tile(number, shape) for number in range(5)]
    np.savez_compressed(folder / "gallery.npz", **{name: value for tile in tiles for name, value in tile.items()})


def _scenarios(*row: float | None) -> dict[str, dict[str, float | None]]:
    names = ("precision", "recall", "f1", "roc_auc", "background_kept", "flare_removed")
    overall = dict(zip(names, row, strict=True)) | {"average_precision": row[3], "threshold": 0.42}
    overall |= {"events": 812_345, "flare_share": 0.38}
    alone = overall | {"events": 60_000, "flare_share": 0.0} | dict.fromkeys(names[:4]) | {"average_precision": None}
    background = alone | {"flare_removed": None, "background_kept": row[4]}
    flare = alone | {"flare_share": 1.0, "background_kept": None}
    return {"overall": overall, "mixed": overall, "flare_only": flare, "background_only": background}


def _streams(distance: float, known: bool) -> dict[str, Any]:  # noqa: FBT001
    """Summaries over 12 scenes, of which the published metrics know 8; shares only where events are `known`."""
    means = {"chamfer": distance, "gaussian": distance / 101, "pger": 1.2, "esr": 1.1}
    means |= {"signal_kept": 0.9, "noise_removed": 0.8, "denoising_accuracy": 0.85} if known else {}
    means |= dict.fromkeys((f"clock_{name}" for name in ("mse", "pmse_2", "pmse_4", "rf1", "tf1", "tpf1")), 0.25)
    found = {name: {"mean": mean, "spread": 0.1, "scenes": 12, "failures": 0} for name, mean in means.items()}
    nothing = {"mean": None, "spread": None, "scenes": 12, "failures": 12}
    some = {"mean": 0.375, "spread": 0.1, "scenes": 12, "failures": 4}
    return found | {name: nothing if distance == 100 else some for name in METRICS if name != "pger"}


def _tile(number: int, shape: tuple[int, int]) -> dict[str, Any]:
    example = _example(number, shape)
    tile = {f"{number}_{name}": example[f"{number}_input_{name}"] for name in ("x", "y", "p")}
    tile |= {f"{number}_{name}": example[f"{number}_{name}"] for name in ("flare", "shape")}
    return tile | {f"{number}_title": np.array(f"000{number} mixed")}


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
