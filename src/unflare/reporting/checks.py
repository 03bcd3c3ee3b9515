"""The checks of a run: each a function of its records, with the numbers it looked at.

Besides the result files of training and evaluation, the checks read these facts of the stages:

prepare      data_kind "embedded" | "real"
synthesize   scenes {split: n}, scenarios {mixed | flare_only | background_only: n}, scenes_with_flare, simulated_videos
             (flare videos that the simulator turned into events; at least one a scene with flare), events_background,
             events_flare, events_truth (over all scenes), empty_scenes (without input events, or of a scenario with
             flare and without flare events), polarity_on_share_flare, polarity_on_share_background (share of ON
             events among them, 0..1), simulator (which implementation ran)
featurize    flare_share {split: 0..1} (mean label)
train        reach {back: the farthest distance in events over which an input changed an output in the probe,
             ahead: largest change of an output when only later events changed, expected 0,
             scan_error: largest difference between the scan that ran and the plain recurrence}
"""

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any, Literal

import numpy as np

from unflare.reporting.records import STAGES, Missing, Records

Status = Literal["verified", "warning", "problem", "not_run"]
Verdict = tuple[Status, dict[str, Any]]

SPLITS = ("train", "validation", "test")
IDEAL = {"oracle"}  # methods that know the answer
PROVEN = {"batch": 2, "window": 4096}  # the largest settings that long runs have shown to be safe
METRICS = ("f1", "roc_auc")


def parameters_of(network: Mapping[str, int]) -> int:
    """Trainable parameters of the configured network: embedding, Mamba-1 layers (Gu and Dao 2023) and head."""
    d, n, inner = network["d_model"], network["d_state"], network["expand"] * network["d_model"]
    rank = math.ceil(d / 16)
    convolution = inner * (network["d_conv"] + 1)
    scan = inner * (rank + 2 * n) + inner * (rank + 1) + inner * n + inner  # x_proj, dt_proj, A_log, D
    return 13 * d + d + network["layers"] * (d * 2 * inner + convolution + scan + inner * d) + d + 1


def parameter_count(records: Records) -> Verdict:
    found, expected = records.training("parameters"), parameters_of(records.params("network"))
    return _either(found == expected), {"found": found, "expected": expected}


def state_space_backend(records: Records) -> Verdict:
    """A real, causal state space model: events hundreds back matter, later ones do not, the scan is the recurrence."""
    reach, scan = records.facts("train", "reach"), records.training("scan")
    good = reach["back"] >= 100 and reach["ahead"] == 0 and reach["scan_error"] <= 1e-3
    return _either(good), {"scan": scan, **reach}


def simulator_ran_for_every_scene(records: Records) -> Verdict:
    facts = records.facts("synthesize")
    keys = ("scenes", "scenarios", "simulated_videos", "scenes_with_flare", "simulator")
    scenes, scenarios, videos, with_flare, simulator = (_need(facts, "synthesize", key) for key in keys)
    events = {key: _need(facts, "synthesize", f"events_{key}") for key in ("background", "flare", "truth")}
    wanted = sum(records.params("scenes", split) for split in SPLITS)
    made = sum(scenes.values())
    flared = sum(count for scenario, count in scenarios.items() if scenario != "background_only")
    good = made == wanted == sum(scenarios.values()) and videos >= with_flare == flared and min(events.values()) > 0
    values = {"made": made, "wanted": wanted, "videos": videos, "with_flare": with_flare, "simulator": simulator}
    return _either(good), values | {f"events_{name}": count for name, count in events.items()}


def no_empty_scene(records: Records) -> Verdict:
    empty = records.facts("synthesize", "empty_scenes")
    return _either(empty == 0), {"empty": empty, "scenes": sum(records.facts("synthesize", "scenes").values())}


def labels_have_both_classes(records: Records) -> Verdict:
    shares = dict(records.facts("featurize", "flare_share"))
    shares["test"] = next(iter(records.scores("test").values()))["flare_share"]
    low, high = min(shares.values()), max(shares.values())
    status: Status = "verified" if low >= 0.02 and high <= 0.98 else "warning" if low > 0 and high < 1 else "problem"
    return status, {"shares": _listed(shares, "{:.1%}")}


def polarity_does_not_give_label(records: Records) -> Verdict:
    """ROC-AUC of the polarity alone: 0.5 + half the difference of the ON shares."""
    flare, background = (records.facts("synthesize", f"polarity_on_share_{name}") for name in ("flare", "background"))
    auc = 0.5 + abs(flare - background) / 2
    status: Status = "verified" if auc < 0.6 else "warning" if auc < 0.7 else "problem"
    return status, {"auc": auc, "flare": flare, "background": background}


def splits_disjoint(records: Records) -> Verdict:
    """No sequence and no flare image in two splits, and none empty."""
    kinds = {"sequences": "path", "flares": "flare"}
    members = {
        kind: {split: {item[key] for item in records.at("data/index.json", kind).get(split, [])} for split in SPLITS}
        for kind, key in kinds.items()
    }
    shared = [item for parts in members.values() for a, b in combinations(SPLITS, 2) for item in parts[a] & parts[b]]
    filled = all(part for parts in members.values() for part in parts.values())
    counts = {kind: " + ".join(str(len(parts[split])) for split in SPLITS) for kind, parts in members.items()}
    return _either(filled and not shared), {"shared": ", ".join(sorted(shared)) or "–", **counts}


def every_step_is_finite(records: Records) -> Verdict:
    losses = records.column("reports/training/steps.csv", "loss")
    finite = sum(1 for loss in losses if loss is not None and math.isfinite(loss))
    wanted = records.params("training", "steps")
    return _either(finite == len(losses) == wanted), {"finite": finite, "wanted": wanted}


def loss_went_down(records: Records) -> Verdict:
    first, last = records.training("train_loss_first"), records.training("train_loss_last")
    status: Status = "verified" if last < 0.9 * first else "warning" if last < first else "problem"
    return status, {"first": first, "last": last}


def beats_baselines(records: Records) -> Verdict:
    """F1 and ROC-AUC on the test scenes, against every method that does not know the answer."""
    table = records.scores("test")
    ours = {m: _need(_need(table, "test", "unflare"), "test.unflare", m) for m in METRICS}
    rivals = {name: row for name, row in table.items() if name not in IDEAL | {"unflare"}}
    if not rivals:
        raise Missing("reports/evaluation/metrics.json: splits.test has no baseline")
    known = {m: [(row[m], name) for name, row in rivals.items() if row.get(m) is not None] for m in METRICS}
    best = {m: max(pairs, default=(0.5, "chance")) for m, pairs in known.items()}
    good = all(ours[m] > best[m][0] for m in METRICS)
    values = ours | {f"best_{m}": f"{name} {value:.3f}" for m, (value, name) in best.items()}
    return _either(good), {**values, "rivals": len(rivals)}


def evaluation_is_sound(records: Records) -> Verdict:
    """The oracle scores 1, keeping everything removes nothing, dropping everything keeps nothing."""
    table = records.scores("test")
    oracle, keep, drop = (_need(table, "test", name) for name in ("oracle", "keep_all", "drop_all"))
    good = oracle["f1"] > 0.99 and keep["flare_removed"] == 0 and drop["background_kept"] == 0
    return _either(good), {"oracle": oracle["f1"], "keep": keep["flare_removed"], "drop": drop["background_kept"]}


def validation_close_to_training(records: Records) -> Verdict:
    training, validation = records.training("train_loss_last"), records.training("best", "loss")
    ratio = validation / training
    status: Status = "verified" if ratio < 1.5 else "warning" if ratio < 2.5 else "problem"
    return status, {"training": training, "validation": validation, "ratio": ratio}


def test_close_to_validation(records: Records) -> Verdict:
    rows = {split: _need(records.scores(split), split, "unflare") for split in ("test", "validation")}
    test, validation = (_need(row, f"{split}.unflare", "f1") for split, row in rows.items())
    gap = abs(test - validation)
    status: Status = "verified" if gap < 0.05 else "warning" if gap < 0.12 else "problem"
    return status, {"test": test, "validation": validation, "gap": gap}


def timing_covers_wall(records: Records) -> Verdict:
    """Named parts account for 97 % of the wall time of every stage and of the training."""
    seconds = dict(records.training("seconds"))
    covered = {"training": 1 - seconds["rest"] / seconds["total"]}
    for stage in STAGES:
        parts, total = (records.at(f"reports/stages/{stage}.json", key) for key in ("parts", "seconds"))
        covered[stage] = sum(value for part, value in parts.items() if part != "rest") / total
    short = {name: share for name, share in covered.items() if not 0.97 <= share <= 1.001}
    worst = min(covered, key=lambda name: covered[name])
    values = {"worst": worst, "share": covered[worst], "short": _listed(short, "{:.1%}") or "–"}
    return "warning" if short else "verified", values


def tracking_is_cheap(records: Records) -> Verdict:
    tracking, total = records.training("seconds", "tracking"), records.training("seconds", "total")
    share = tracking / total
    return "verified" if share < 0.01 else "warning", {"share": share, "seconds": tracking}


def memory_steady(records: Records) -> Verdict:
    """Slope of resident memory over the second half of the steps; its uncertainty is two standard errors.

    By then every kind of step, validation included, has run, and the allocators hold what they need.
    """
    file = "reports/training/memory.csv"
    phases = [row["phase"] for row in records.at(file)]
    curve = zip(phases, records.column(file, "step"), records.column(file, "rss_bytes"), strict=True)
    points = [(step, rss) for phase, step, rss in curve if phase == "training" or phase.startswith("batch")]
    last = max((step or 0 for step, _ in points), default=0)
    steady = np.array([point for point in points if (point[0] or 0) > last / 2], dtype=float)
    if len(steady) < 8:
        raise Missing(f"{file}: 8 samples of steady training")
    step, rss = steady[:, 0] - steady[:, 0].mean(), steady[:, 1] - steady[:, 1].mean()
    slope = float(step @ rss / (step @ step))
    error = 2 * math.sqrt(float(((rss - slope * step) ** 2).sum()) / (len(steady) - 2) / float(step @ step))
    growth, allowed = slope * last / 2, 0.03 * float(steady[:, 1].mean())
    certain = slope - error > 0
    status: Status = "verified" if growth <= allowed else "problem" if certain else "warning"
    return status, {"slope": slope * 1000 / 2**20, "error": error * 1000 / 2**20, "growth": growth / 2**20}


def gpu_used_when_there(records: Records) -> Verdict:
    there = records.at("reports/stages/train.json", "machine", "device")
    used = records.training("device")
    idle = there != "none" and not str(used).startswith("cuda")
    return "warning" if idle else "verified", {"there": there, "used": used}


def embedded_or_real_data(records: Records) -> Verdict:
    kind = records.facts("prepare", "data_kind")
    return "warning" if kind == "embedded" else "verified", {"kind": kind, "root": records.params("data", "root")}


def proven_range(records: Records) -> Verdict:
    beyond = {key: records.params("training", key) for key in PROVEN if records.params("training", key) > PROVEN[key]}
    values = {"proven": _listed(PROVEN, "{}"), "beyond": _listed(beyond, "{}") or "–"}
    return "warning" if beyond else "verified", values


def _either(good: bool) -> Status:  # noqa: FBT001 (the one argument)
    return "verified" if good else "problem"


def _need(table: Mapping[str, Any], place: str, key: str) -> Any:  # noqa: ANN401 (JSON)
    if table.get(key) is None:
        raise Missing(f"{place}: {key}")
    return table[key]


def _listed(values: Mapping[str, Any], form: str) -> str:
    return ", ".join(f"{name} {form.format(value)}" for name, value in values.items())
