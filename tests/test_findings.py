"""Each planted fault is reported by the check that is there for it, and a missing record is never shown as verified."""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up import GIB, STEPS, edit, lock, use_device, write_memory, write_results

from unflare import params
from unflare.network import Classifier
from unflare.reporting.checks import CHECKS
from unflare.reporting.checks.memory import slope
from unflare.reporting.checks.network import parameters_of
from unflare.reporting.findings import judge
from unflare.reporting.phrases import LANGUAGES, Phrases
from unflare.reporting.records import Records
from unflare.reporting.summary import evidence

STAGE = "reports/stages/{}.json"
TRAINING = "reports/training/metrics.json"
SCORES = "reports/evaluation/metrics.json"
NAMES = ("synthesize", "fusion", "train", "prepare", "evaluate")
SYNTHESIZE, FUSION, TRAIN, PREPARE, EVALUATE = map(STAGE.format, NAMES)
INDEX = "data/index.json"


def statuses(root: Path) -> dict[str, str]:
    return {finding.name: finding.status for finding in judge(Records(root))}


def test_a_sound_run_on_the_embedded_data_has_one_reservation(tmp_path: Path) -> None:
    found = statuses(write_results(tmp_path))
    assert found.pop("embedded_or_real_data") == "warning"
    assert found.pop("device_memory_steady") == "not_run"  # there is no device
    assert found.pop("precision_costs_nothing") == "not_run"  # float32 throughout
    assert set(found.values()) == {"verified"}


def test_on_a_device_its_memory_is_looked_at_too(tmp_path: Path) -> None:
    use_device(write_results(tmp_path))
    found = statuses(tmp_path)
    assert found.pop("embedded_or_real_data") == "warning"
    assert found.pop("precision_costs_nothing") == "not_run"  # float32 throughout
    assert set(found.values()) == {"verified"}


def test_without_records_nothing_is_verified(tmp_path: Path) -> None:
    assert set(statuses(tmp_path).values()) == {"not_run"}


def facts(**values: Any) -> Callable[[Any], None]:  # noqa: ANN401 (any JSON)
    return lambda stage: stage["facts"].update(values)


def parts(**values: float) -> Callable[[Any], None]:
    return lambda stage: stage["parts"].update(values)


def score(split: str, method: str, **values: Any) -> Callable[[Any], None]:  # noqa: ANN401 (any JSON)
    return lambda content: content["splits"][split][method]["overall"].update(values)


def top(**values: Any) -> Callable[[Any], None]:  # noqa: ANN401 (any JSON)
    return lambda content: content.update(values)


def inside(*keys: str, **values: Any) -> Callable[[Any], None]:  # noqa: ANN401 (any JSON)
    def change(content: Any) -> None:  # noqa: ANN401
        for key in keys:
            content = content[key]
        content.update(values)

    return change


def share(kind: str, a: str, b: str) -> Callable[[Any], None]:
    return lambda index: index[kind][b].append(index[kind][a][0])


def stops(*reasons: str | None) -> Callable[[Any], None]:
    return top(interruptions=[{"step": 50, "reason": reason, "at": 1.7e9} for reason in reasons])


def reach(back: float, ahead: float, scan_error: float) -> Callable[[Any], None]:
    return facts(reach={"back": back, "ahead": ahead, "scan_error": scan_error})


def overhead(**values: float) -> Callable[[Any], None]:
    return inside("overhead", **values)


def only(*methods: str) -> Callable[[Any], None]:
    return lambda content: content["splits"].update(
        test={name: row for name, row in content["splits"]["test"].items() if name in methods}
    )


NAN = math.nan
RENAMED = {"path": "./night_0//events.h5"}  # a sequence of the training, said in another way

PLANTED: list[tuple[str, str, str, Callable[[Any], object]]] = [
    # records of another run, or changed by hand
    ("records_of_this_run", "problem", TRAINING, top(parameters=271_746)),
    ("records_of_this_run", "problem", TRAIN, inside("facts", more=1)),
    ("records_of_this_run", "problem", "params.yaml", inside("training", learning_rate=1.0e-2)),
    ("records_of_this_run", "problem", "params.yaml", top(seed=1)),
    ("records_of_this_run", "problem", "dvc.lock", lambda lock: lock["stages"]["evaluate"]["deps"][0].update(md5="0")),
    ("records_of_this_run", "problem", "dvc.lock", lambda lock: lock["stages"]["train"]["outs"].clear()),
    ("records_of_this_run", "not_run", "dvc.lock", lambda lock: lock["stages"].pop("train")),
    # the network
    ("parameter_count", "problem", TRAINING, top(parameters=467_841)),
    ("parameter_count", "problem", TRAINING, top(parameters=NAN)),
    ("state_space_backend", "problem", TRAIN, reach(3, 0, 0)),
    ("state_space_backend", "problem", TRAIN, reach(900, 0.1, 0)),
    ("state_space_backend", "problem", TRAIN, reach(900, 0, 0.5)),
    ("state_space_backend", "problem", TRAIN, reach(900, 0, NAN)),
    ("state_space_backend", "problem", TRAIN, reach(900, 0, -1)),
    ("state_space_backend", "not_run", TRAIN, facts(reach={"back": 900, "ahead": 0})),
    ("same_scan_everywhere", "problem", TRAIN, inside("implementations", scan="convolution")),
    ("same_scan_everywhere", "problem", TRAINING, top(device="cuda")),
    ("same_scan_everywhere", "warning", EVALUATE, inside("implementations", device="cuda")),
    # the data
    ("simulator_ran_for_every_scene", "problem", SYNTHESIZE, facts(simulated_videos=50)),
    ("simulator_ran_for_every_scene", "problem", SYNTHESIZE, facts(simulated_videos=-1)),
    ("simulator_ran_for_every_scene", "problem", SYNTHESIZE, facts(events_flare=0)),
    ("simulator_ran_for_every_scene", "problem", SYNTHESIZE, facts(events_simulated=2_000_000)),
    ("simulator_ran_for_every_scene", "problem", SYNTHESIZE, facts(simulator="frame difference")),
    ("simulator_ran_for_every_scene", "problem", SYNTHESIZE, inside("implementations", simulator="frame difference")),
    ("simulator_ran_for_every_scene", "problem", SYNTHESIZE, inside("facts", "scenes", train=39)),
    ("simulator_ran_for_every_scene", "problem", SYNTHESIZE, inside("facts", "scenes", train=41, test=11)),
    ("fusion_is_close_to_exact", "warning", FUSION, inside("facts", "rows", "integrate", "ratio", mean=0.85)),
    ("fusion_is_close_to_exact", "warning", FUSION, inside("facts", "rows", "integrate", "correlation", mean=0.6)),
    ("fusion_is_close_to_exact", "warning", "params.yaml", inside("scenes", rule="pnl_es")),
    ("fusion_is_close_to_exact", "problem", FUSION, inside("facts", "rows", "integrate", "ratio", mean=NAN)),
    ("fusion_is_close_to_exact", "not_run", FUSION, lambda stage: stage["facts"]["rows"].pop("floor")),
    ("no_empty_scene", "problem", SYNTHESIZE, facts(empty_scenes=1)),
    ("no_empty_scene", "problem", SYNTHESIZE, facts(empty_scenes=-1)),
    ("no_empty_scene", "problem", SYNTHESIZE, facts(scenes={"train": 0, "validation": 0, "test": 0})),
    ("labels_have_both_classes", "problem", STAGE.format("featurize"), inside("facts", "flare_share", train=0.0)),
    ("labels_have_both_classes", "problem", STAGE.format("featurize"), inside("facts", "flare_share", train=1.7)),
    ("labels_have_both_classes", "warning", STAGE.format("featurize"), inside("facts", "flare_share", train=0.995)),
    ("labels_have_both_classes", "not_run", STAGE.format("featurize"), facts(flare_share={"train": 0.4})),
    ("polarity_does_not_give_label", "problem", SYNTHESIZE, facts(polarity_on_share_flare=1.0)),
    ("polarity_does_not_give_label", "problem", SYNTHESIZE, facts(polarity_on_share_flare=NAN)),
    ("polarity_does_not_give_label", "warning", SYNTHESIZE, facts(polarity_on_share_flare=0.75)),
    ("splits_disjoint", "problem", INDEX, share("sequences", "train", "test")),
    ("splits_disjoint", "problem", INDEX, share("flares", "train", "validation")),
    ("splits_disjoint", "problem", INDEX, lambda index: index["flares"].update(test=[])),
    (
        "splits_disjoint",
        "problem",
        INDEX,
        lambda index: index["sequences"]["test"].append({"path": "./night_0//events.h5"}),
    ),
    ("embedded_or_real_data", "problem", PREPARE, facts(data_kind="real")),
    ("embedded_or_real_data", "problem", PREPARE, facts(data_kind="toy")),
    # the training
    ("every_step_is_finite", "problem", "params.yaml", inside("training", steps=201)),
    ("trained_in_one_go", "warning", TRAINING, stops(None)),
    ("trained_in_one_go", "warning", TRAINING, stops("killed", "unknown")),
    ("trained_in_one_go", "verified", TRAINING, stops("killed", "memory")),
    ("loss_went_down", "problem", TRAINING, top(train_loss_last=0.7)),
    ("loss_went_down", "problem", TRAINING, top(train_loss_last=NAN)),
    ("loss_went_down", "problem", TRAINING, top(train_loss_last=-0.1)),
    ("loss_went_down", "warning", TRAINING, top(train_loss_last=0.55)),
    ("precision_costs_nothing", "problem", TRAINING, inside("parity", precision="bfloat16")),
    ("precision_costs_nothing", "problem", "params.yaml", inside("training", precision="float16")),
    ("precision_costs_nothing", "verified", TRAINING, inside("parity", loss=0.1171, float32=0.117)),
    ("precision_costs_nothing", "problem", TRAINING, inside("parity", loss=0.13, float32=0.117)),
    ("precision_costs_nothing", "warning", TRAINING, inside("parity", loss=0.12, float32=0.117)),
    ("precision_costs_nothing", "problem", TRAINING, inside("parity", loss=0.117, float32=NAN)),
    ("validation_close_to_training", "problem", TRAINING, top(train_loss_last=0.01)),
    ("validation_close_to_training", "problem", TRAINING, top(train_loss_last=0.0)),
    # the scores
    ("beats_baselines", "problem", SCORES, score("test", "baf", f1=0.95)),
    ("beats_baselines", "problem", SCORES, score("test", "baf", roc_auc=0.99)),
    ("beats_baselines", "problem", SCORES, score("test", "unflare", f1=1.7)),
    ("beats_baselines", "problem", SCORES, score("test", "baf", f1=NAN)),
    ("beats_baselines", "not_run", SCORES, only("unflare", "oracle", "keep_all", "drop_all")),
    ("output_closer_than_input", "warning", SCORES, score("test", "unflare", chamfer={"mean": 0.8})),
    ("output_closer_than_input", "warning", SCORES, score("test", "unflare", gaussian={"mean": 0.1})),
    ("output_closer_than_input", "problem", SCORES, score("test", "unflare", chamfer={"mean": NAN})),
    ("output_closer_than_input", "problem", SCORES, score("test", "keep_all", chamfer={"mean": -1.0})),
    ("output_closer_than_input", "not_run", SCORES, score("test", "keep_all", chamfer={"mean": None})),
    ("evaluation_is_sound", "problem", SCORES, score("test", "oracle", f1=0.9)),
    ("evaluation_is_sound", "problem", SCORES, score("test", "keep_all", flare_removed=0.1)),
    ("evaluation_is_sound", "problem", SCORES, score("test", "unflare", f1=0.99)),
    ("evaluation_is_sound", "problem", SCORES, score("test", "unflare", events=1280)),
    ("shipped_weights_unseen", "warning", "params.yaml", lambda params: params.update(seed=7)),
    ("shipped_weights_unseen", "not_run", SCORES, lambda found: found["weights"].pop("shipped")),
    ("test_close_to_validation", "problem", SCORES, score("validation", "unflare", roc_auc=0.5)),
    # the timing
    ("timing_covers_wall", "problem", PREPARE, parts(validation=0.0)),
    ("timing_covers_wall", "warning", PREPARE, parts(validation=3.2)),
    ("timing_covers_wall", "warning", PREPARE, parts(writing=9.0)),
    ("timing_covers_wall", "problem", PREPARE, parts(writing=-1.0)),
    ("timing_covers_wall", "problem", PREPARE, top(seconds=0.0)),
    ("timing_covers_wall", "not_run", PREPARE, lambda stage: stage["parts"].pop("start-up")),
    ("timing_covers_wall", "problem", TRAINING, inside("seconds", forward=5.0, rest=0.0)),
    ("timing_covers_wall", "problem", TRAINING, inside("seconds", total=400.0)),
    ("measuring_is_cheap", "warning", TRAINING, overhead(sampler=2.0)),
    ("measuring_is_cheap", "warning", TRAINING, overhead(border_seconds=1.0e-3)),
    ("measuring_is_cheap", "warning", TRAINING, inside("seconds", measuring=3.0)),
    ("measuring_is_cheap", "problem", TRAINING, overhead(borders=0)),
    ("tracking_is_cheap", "warning", TRAINING, inside("seconds", tracking=4.0)),
    # the memory
    ("memory_inside_limit", "problem", TRAIN, inside("limit", "host", bytes=GIB)),
    ("memory_inside_limit", "problem", EVALUATE, lambda stage: stage["memory"][0].update(rss=7 * GIB)),
    ("memory_inside_limit", "problem", TRAINING, inside("memory", rss_peak=7 * GIB)),
    ("memory_inside_limit", "not_run", EVALUATE, lambda stage: stage["memory"][0].update(device_peak=GIB)),
    ("memory_inside_limit", "not_run", STAGE.format("sample"), top(limit=None)),
    ("memory_as_predicted", "warning", TRAINING, inside("guard", predicted=int(0.9 * GIB))),
    ("memory_as_predicted", "warning", TRAINING, inside("guard", measured=int(1.4 * GIB))),
    ("memory_as_predicted", "not_run", TRAINING, inside("guard", measured=None)),
    ("memory_as_predicted", "problem", TRAINING, inside("guard", allowed=GIB)),
    # the machine
    ("gpu_used_when_there", "warning", TRAIN, inside("machine", device="A GPU")),
    ("gpu_used_when_there", "problem", TRAINING, top(device="cuda")),
    ("proven_range", "warning", "params.yaml", inside("training", batch=8)),
]


@pytest.mark.parametrize(("name", "status", "file", "plant"), PLANTED)
def test_a_planted_fault_is_reported(
    tmp_path: Path, name: str, status: str, file: str, plant: Callable[[Any], object]
) -> None:
    edit(write_results(tmp_path) / file, plant)
    assert statuses(tmp_path)[name] == status


def test_every_check_has_a_planted_fault() -> None:
    elsewhere = {"memory_steady", "device_memory_steady"}
    faults = {name for name, status, *_ in PLANTED if status in {"warning", "problem"}}
    assert faults | elsewhere == {check.__name__ for check in CHECKS}


IN_A_SUMMARY = 5  # keys above a number of splits/<split>/<method>/<scenario>/<metric>


def numbers(content: Any, *place: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 (JSON)
    """The path of every number in a JSON value."""
    if isinstance(content, dict | list):
        items = content.items() if isinstance(content, dict) else enumerate(content)
        return [path for key, value in items for path in numbers(value, *place, key)]
    return [place] if isinstance(content, int | float) and not isinstance(content, bool) else []


@pytest.mark.parametrize("file", [TRAINING, SCORES, PREPARE, FUSION, SYNTHESIZE, TRAIN])
@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, "0.5"])
def test_no_number_that_cannot_be_true_is_shown_as_verified(tmp_path: Path, file: str, value: float | str) -> None:
    path = write_results(tmp_path) / file
    sound = path.read_text()
    for *place, last in numbers(json.loads(sound)):
        if len(place) == IN_A_SUMMARY and place[-1] != "chamfer":  # a hundred of one form: those that a check reads
            continue
        content = json.loads(sound)
        target = content
        for key in place:
            target = target[key]
        target[last] = value
        path.write_text(json.dumps(content))
        for finding in judge(Records(tmp_path)):
            shown = [v for v in finding.values.values() if isinstance(v, float)]
            assert finding.status != "verified" or all(map(math.isfinite, shown)), (place, last, finding)


def test_a_file_cut_short_is_a_problem(tmp_path: Path) -> None:
    path = write_results(tmp_path) / TRAINING
    path.write_text(path.read_text()[:200])
    found = statuses(tmp_path)
    assert found["parameter_count"] == found["timing_covers_wall"] == "problem"


def test_a_leak_is_told_from_noise(tmp_path: Path) -> None:
    folder = write_results(tmp_path) / "reports" / "training"
    for megabytes, status in ((0.0, "verified"), (0.005, "verified"), (1.0, "problem")):
        write_memory(folder, slope=megabytes * 2**20)
        assert statuses(tmp_path)["memory_steady"] == status


def test_a_leak_on_the_device_is_found(tmp_path: Path) -> None:
    use_device(write_results(tmp_path))
    write_memory(tmp_path / "reports/training", slope=2**20, device=GIB)
    assert statuses(tmp_path)["device_memory_steady"] == "problem"


def test_a_device_without_a_memory_curve_is_a_problem(tmp_path: Path) -> None:
    use_device(write_results(tmp_path))
    write_memory(tmp_path / "reports/training", slope=0.0)
    assert statuses(tmp_path)["device_memory_steady"] == "problem"


def test_a_peak_that_the_guard_does_not_tell_is_taken_from_the_curve(tmp_path: Path) -> None:
    write_memory(write_results(tmp_path) / "reports/training", slope=2 * 2**20)  # 1.4 GiB in the end
    assert statuses(tmp_path)["memory_as_predicted"] == "warning"


def test_memory_that_wanders_is_neither_steady_nor_a_leak(tmp_path: Path) -> None:
    folder = write_results(tmp_path) / "reports" / "training"
    write_memory(folder, slope=0.0, drift=24 * 2**20)
    assert statuses(tmp_path)["memory_steady"] == "warning"


def test_the_interval_of_a_slope_holds_for_samples_that_depend_on_each_other() -> None:
    """Of series without a slope, most intervals hold 0; those of the usual error, over single samples, do not."""
    rng, steps = np.random.default_rng(0), np.arange(500.0)
    held = naive = 0
    for _ in range(200):
        noise = rng.normal(size=520)
        values = np.zeros(520)
        for i in range(1, 520):
            values[i] = 0.9 * values[i - 1] + noise[i]
        rise, error = slope(steps, values[20:])
        held += abs(rise) <= error
        x, y = steps - steps.mean(), values[20:] - values[20:].mean()
        line = x @ y / (x @ x)
        naive += abs(line) <= 2 * np.sqrt(((y - line * x) ** 2).sum() / 498 / (x @ x))
    assert held >= 0.85 * 200
    assert naive < 0.6 * 200


def test_memory_before_an_interruption_does_not_count(tmp_path: Path) -> None:
    """The curve of a process that was resumed begins low: that is no leak."""
    path = write_results(tmp_path) / "reports/training/memory.csv"
    header, *lines = path.read_text().splitlines()
    cells = [line.split(",") for line in lines]
    low = [[*row[:3], str(GIB // 2), *row[4:]] if 0 < int(row[2]) <= 130 else row for row in cells]
    path.write_text("\n".join([header, *(",".join(row) for row in low)]))
    assert statuses(tmp_path)["memory_steady"] == "problem"
    edit(tmp_path / TRAINING, top(interruptions=[{"step": 130, "reason": "killed", "at": 1.7e9}]))
    assert statuses(tmp_path)["memory_steady"] == "verified"


@pytest.mark.parametrize("column", ["loss", "gradient_norm"])
def test_a_step_that_is_not_finite_is_reported(tmp_path: Path, column: str) -> None:
    change_steps(write_results(tmp_path), lambda rows: rows[50].update({column: "nan"}))
    assert statuses(tmp_path)["every_step_is_finite"] == "problem"


def test_a_step_that_is_there_twice_is_reported(tmp_path: Path) -> None:
    change_steps(write_results(tmp_path), lambda rows: rows[50].update(step="50"))
    assert statuses(tmp_path)["every_step_is_finite"] == "problem"


def change_steps(root: Path, change: Callable[[list[dict[str, str]]], object]) -> None:
    path = root / "reports/training/steps.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert len(rows) == STEPS
    change(rows)
    path.write_text("\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]))


def test_a_run_that_is_whole_again_is_verified_again(tmp_path: Path) -> None:
    """What was changed and then computed again, as the lock says, is of this run."""
    edit(write_results(tmp_path) / "params.yaml", inside("training", learning_rate=1.0e-2))
    lock(tmp_path)
    assert statuses(tmp_path)["records_of_this_run"] == "verified"


def test_real_data_is_verified(tmp_path: Path) -> None:
    edit(write_results(tmp_path) / PREPARE, facts(data_kind="real"))
    edit(tmp_path / INDEX, top(embedded=False))
    assert statuses(tmp_path)["embedded_or_real_data"] == "verified"


@pytest.mark.parametrize("file", [TRAINING, SCORES, SYNTHESIZE, FUSION, PREPARE, "data/index.json", "params.yaml"])
def test_a_check_whose_record_is_missing_names_it(tmp_path: Path, file: str) -> None:
    (write_results(tmp_path) / file).unlink()
    missing = [finding for finding in judge(Records(tmp_path)) if finding.status == "not_run"]
    missing = [finding for finding in missing if finding.concerns]
    assert missing
    assert all(file in evidence(finding, Phrases("en")) for finding in missing)


def test_a_score_that_does_not_exist_is_not_run(tmp_path: Path) -> None:
    edit(write_results(tmp_path) / SCORES, score("test", "unflare", roc_auc=None))  # type: ignore[arg-type]
    assert statuses(tmp_path)["beats_baselines"] == "not_run"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_has_its_sentence(tmp_path: Path, language: str) -> None:
    say = Phrases(language)
    for finding in judge(Records(write_results(tmp_path))):
        assert say("findings", finding.name)
        assert "{" not in evidence(finding, say)


@pytest.mark.parametrize("change", [{}, {"expand": 2, "d_state": 16}, {"d_model": 40, "layers": 1, "d_conv": 3}])
def test_the_count_of_parameters_is_that_of_the_network(change: dict[str, int]) -> None:
    shape = params.load(Path(__file__).parents[1] / "params.yaml").network.model_copy(update=change)
    network = Classifier(shape, [0.0] * 13, [1.0] * 13)  # type: ignore[arg-type]
    assert parameters_of(shape.model_dump()) == sum(p.numel() for p in network.parameters() if p.requires_grad)
