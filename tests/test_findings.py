"""Each planted fault is reported by the check that is there for it, and a missing record is never shown as verified."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_up import edit, write_memory, write_results

from unflare import params
from unflare.network import Classifier
from unflare.reporting.checks import parameters_of
from unflare.reporting.findings import CHECKS, judge
from unflare.reporting.phrases import LANGUAGES, Phrases
from unflare.reporting.records import Records
from unflare.reporting.summary import evidence

STAGE = "reports/stages/{}.json"
TRAINING = "reports/training/metrics.json"
SCORES = "reports/evaluation/metrics.json"
SYNTHESIZE, TRAIN, PREPARE = (STAGE.format(name) for name in ("synthesize", "train", "prepare"))


def statuses(root: Path) -> dict[str, str]:
    return {finding.name: finding.status for finding in judge(Records(root))}


def test_a_sound_run_on_the_embedded_data_has_one_reservation(tmp_path: Path) -> None:
    found = statuses(write_results(tmp_path))
    assert found.pop("embedded_or_real_data") == "warning"
    assert set(found.values()) == {"verified"}


def test_without_records_nothing_is_verified(tmp_path: Path) -> None:
    assert set(statuses(tmp_path).values()) == {"not_run"}


def facts(**values: Any) -> Callable[[Any], None]:  # noqa: ANN401 (any JSON)
    return lambda stage: stage["facts"].update(values)


def parts(**values: float) -> Callable[[Any], None]:
    return lambda stage: stage["parts"].update(values)


def score(split: str, method: str, **values: float) -> Callable[[Any], None]:
    return lambda content: content["splits"][split][method]["overall"].update(values)


def top(**values: Any) -> Callable[[Any], None]:  # noqa: ANN401 (any JSON)
    return lambda content: content.update(values)


def share_a_sequence(index: Any) -> None:  # noqa: ANN401 (JSON)
    index["sequences"]["test"].append(index["sequences"]["train"][0])


def share_a_flare(index: Any) -> None:  # noqa: ANN401 (JSON)
    index["flares"]["validation"].append(index["flares"]["train"][0])


PLANTED: list[tuple[str, str, str, Callable[[Any], object]]] = [
    ("parameter_count", "problem", TRAINING, top(parameters=467_841)),
    ("state_space_backend", "problem", TRAIN, facts(reach={"back": 3, "ahead": 0, "scan_error": 0})),
    (
        "state_space_backend",
        "problem",
        TRAIN,
        facts(reach={"back": 900, "ahead": 0.1, "scan_error": 0}),
    ),
    (
        "state_space_backend",
        "problem",
        TRAIN,
        facts(reach={"back": 900, "ahead": 0, "scan_error": 0.5}),
    ),
    ("simulator_ran_for_every_scene", "problem", SYNTHESIZE, facts(simulated_videos=50)),
    ("simulator_ran_for_every_scene", "problem", SYNTHESIZE, facts(events_flare=0)),
    ("simulator_ran_for_every_scene", "problem", SYNTHESIZE, facts(scenes={"train": 39, "validation": 8, "test": 12})),
    ("no_empty_scene", "problem", SYNTHESIZE, facts(empty_scenes=1)),
    ("labels_have_both_classes", "problem", STAGE.format("featurize"), facts(flare_share={"train": 0.0})),
    ("labels_have_both_classes", "warning", STAGE.format("featurize"), facts(flare_share={"train": 0.995})),
    ("polarity_does_not_give_label", "problem", SYNTHESIZE, facts(polarity_on_share_flare=1.0)),
    ("polarity_does_not_give_label", "warning", SYNTHESIZE, facts(polarity_on_share_flare=0.75)),
    ("splits_disjoint", "problem", "data/index.json", share_a_sequence),
    ("splits_disjoint", "problem", "data/index.json", share_a_flare),
    ("splits_disjoint", "problem", "data/index.json", lambda index: index["flares"].update(test=[])),
    ("every_step_is_finite", "problem", "params.yaml", lambda content: content["training"].update(steps=201)),
    ("loss_went_down", "problem", TRAINING, top(train_loss_last=0.7)),
    ("loss_went_down", "warning", TRAINING, top(train_loss_last=0.58)),
    ("beats_baselines", "problem", SCORES, score("test", "baf", f1=0.95)),
    ("beats_baselines", "problem", SCORES, score("test", "baf", roc_auc=0.99)),
    ("evaluation_is_sound", "problem", SCORES, score("test", "oracle", f1=0.9)),
    ("evaluation_is_sound", "problem", SCORES, score("test", "keep_all", flare_removed=0.1)),
    ("validation_close_to_training", "problem", TRAINING, top(train_loss_last=0.01)),
    ("test_close_to_validation", "problem", SCORES, score("validation", "unflare", f1=0.5)),
    ("timing_covers_wall", "warning", PREPARE, parts(validation=3.0)),
    ("timing_covers_wall", "warning", PREPARE, parts(writing=9.0)),
    ("tracking_is_cheap", "warning", TRAINING, lambda content: content["seconds"].update(tracking=4.0)),
    ("gpu_used_when_there", "warning", TRAIN, lambda stage: stage["machine"].update(device="A GPU")),
    ("proven_range", "warning", "params.yaml", lambda content: content["training"].update(batch=8)),
]


@pytest.mark.parametrize(("name", "status", "file", "plant"), PLANTED)
def test_a_planted_fault_is_reported(
    tmp_path: Path, name: str, status: str, file: str, plant: Callable[[Any], object]
) -> None:
    edit(write_results(tmp_path) / file, plant)
    assert statuses(tmp_path)[name] == status


def test_every_check_has_a_planted_fault() -> None:
    elsewhere = {"memory_steady", "embedded_or_real_data"}
    assert {name for name, *_ in PLANTED} | elsewhere == {check.__name__ for check in CHECKS}


def test_a_leak_is_told_from_noise(tmp_path: Path) -> None:
    folder = write_results(tmp_path) / "reports" / "training"
    for megabytes, status in ((0.0, "verified"), (0.005, "verified"), (1.0, "problem")):
        write_memory(folder, slope=megabytes * 2**20)
        assert statuses(tmp_path)["memory_steady"] == status


def test_a_loss_that_is_not_finite_is_reported(tmp_path: Path) -> None:
    path = write_results(tmp_path) / "reports/training/steps.csv"
    lines = path.read_text().splitlines()
    row = lines[50].split(",")
    row[1] = str(math.nan)
    lines[50] = ",".join(row)
    path.write_text("\n".join(lines))
    assert statuses(tmp_path)["every_step_is_finite"] == "problem"


def test_real_data_is_verified(tmp_path: Path) -> None:
    edit(write_results(tmp_path) / PREPARE, facts(data_kind="real"))
    assert statuses(tmp_path)["embedded_or_real_data"] == "verified"


@pytest.mark.parametrize("file", [TRAINING, SCORES, SYNTHESIZE, PREPARE, "data/index.json", "params.yaml"])
def test_a_check_whose_record_is_missing_names_it(tmp_path: Path, file: str) -> None:
    (write_results(tmp_path) / file).unlink()
    missing = [finding for finding in judge(Records(tmp_path)) if finding.status == "not_run"]
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
