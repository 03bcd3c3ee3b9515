"""The comparison on scenes: what is chosen on validation, what counts as a failure, and what is written."""

import json
from pathlib import Path

import numpy as np
import pytest

from unflare.evaluation import edeflare, generators, results
from unflare.evaluation.benchmark import judge
from unflare.evaluation.comparison import compare
from unflare.evaluation.filters import GRIDS, baselines
from unflare.evaluation.streams import streams
from unflare.evaluation.tuning import made, tune
from unflare.events import Events, Scene, load_scene, merge, save_scene
from unflare.runtime import Clock
from unflare.scores import scores

DURATION = 40_000


def save(path: Path, seed: int, scenario: str, shape: tuple[int, int] = (40, 60)) -> Path:
    """Background that drifts to the right, one pixel a millisecond, and a flare that flickers in a corner."""
    rng = np.random.default_rng(seed)
    parts = []
    for left, width, count in ((0, 60, 600), (0, 12, 900)):
        t = np.sort(rng.integers(0, DURATION, count))
        x = left + (rng.integers(0, 3, count) * 20 + t // 1000) % width
        y, p = rng.integers(0, 12 if width < 60 else 40, count), (t // 5_000) % 2 if width < 60 else t % 2
        parts.append(Events(t, x.astype(np.uint16), y.astype(np.uint16), p.astype(np.uint8), shape))
    background, flare = (one[:0] if scenario == no else one for one, no in zip(
        parts, ("flare_only", "background_only"), strict=True))  # fmt: skip
    events, source = merge(background, flare)
    recipe = {"scenario": scenario, "duration": DURATION}
    save_scene(path, Scene(events, source.astype(np.float32), background, recipe))
    return path


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("scenes")
    kinds = [("mixed", (40, 60)), ("mixed", (500, 60)), ("flare_only", (40, 60)), ("background_only", (40, 60))]
    return [save(folder / f"{n}.h5", n, kind, shape) for n, (kind, shape) in enumerate(kinds)]


def test_no_other_choice_of_the_grid_has_a_greater_f1(scenes: list[Path]) -> None:
    tuned = tune(scenes, Clock())
    assert set(tuned) == set(baselines)
    for name in ("baf", "stcf", "ynoise"):
        for choice in GRIDS[name]:
            said = judge({name: baselines[name](**choice)}, scenes, Clock())[name]
            for threshold in (0.2, 0.5, 0.8, tuned[name].threshold):
                assert (scores(said.probability, said.flare, threshold).f1 or 0) <= tuned[name].f1
        again = judge({name: made(tuned)[name]}, scenes, Clock())[name]
        assert scores(again.probability, again.flare, tuned[name].threshold).f1 == tuned[name].f1
    chance = tuned["chance"]
    assert (chance.said.probability >= chance.threshold).mean() == pytest.approx(
        (chance.said.flare > 0.5).mean(), abs=0.03
    )


def test_metrics_of_a_method_are_those_of_what_it_keeps_and_failures_are_counted(scenes: list[Path]) -> None:
    judged = judge({name: baselines[name]() for name in ("keep_all", "drop_all")}, scenes, Clock())
    judged["oracle"] = judged["keep_all"].oracle()
    found = compare(judged, dict.fromkeys(judged, 0.5), {"comb": generators["comb"]()}, scenes, Clock())
    assert set(found) == {"keep_all", "drop_all", "oracle", "comb"}
    scene = load_scene(scenes[3])
    assert found["keep_all"]["background_only"]["chamfer"].mean == 0
    assert found["keep_all"]["background_only"]["rf1"].mean == edeflare(scene.events, scene.truth)["rf1"]
    mixed = [load_scene(path) for path in scenes[:2]]
    each = [streams(one.events, one.truth, (0, DURATION)).chamfer for one in mixed]
    assert found["keep_all"]["mixed"]["chamfer"].mean == pytest.approx(np.mean(np.array(each, float)))
    # Published metrics: not of the large sensor, not of an empty truth. PGER: not of an empty truth.
    failures = {metric: one.failures for metric, one in found["keep_all"]["overall"].items()}
    assert (failures["voxel_mse"], failures["chamfer_distance"], failures["pger"], failures["clock_mse"]) == (
        2,
        2,
        1,
        0,
    )
    assert failures["esr"] == 4
    assert (failures["signal_kept"], failures["noise_removed"], failures["denoising_accuracy"]) == (1, 1, 2)
    assert found["oracle"]["overall"]["denoising_accuracy"].mean == 1
    assert found["drop_all"]["mixed"]["chamfer"].mean == 100
    assert found["drop_all"]["flare_only"]["chamfer"].mean == 0  # neither flare nor truth is left, as it should be
    assert "signal_kept" not in found["comb"]["overall"]


def test_what_is_written_has_scores_and_summaries_and_goes_to_the_run(scenes: list[Path], tmp_path: Path) -> None:
    judged = judge({"keep_all": baselines["keep_all"]()}, scenes, Clock())
    tables = results.tables({"test": judged}, {"keep_all": 0.5})
    results.add_streams(
        tables["test"], compare(judged, {"keep_all": 0.5}, {"voxels": generators["voxels"]()}, scenes, Clock())
    )
    results.write_tables(tmp_path, tables, {"choices": {"baf": {"window": 2_000}}})
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["choices"] == {"baf": {"window": 2_000}}
    row = written["splits"]["test"]["keep_all"]["overall"]
    assert row["f1"] == 0
    assert set(row["clock_mse"]) == {"mean", "spread", "scenes", "failures"}
    assert set(written["splits"]["test"]["voxels"]) == {"overall", "mixed", "flare_only", "background_only"}
    named = results.named(tables["test"]["keep_all"])
    assert named["evaluation/chamfer"] == row["chamfer"]["mean"]
    assert named["evaluation/failures/pger"] == 1
    assert "evaluation/failures/clock_mse" not in named
    assert named["evaluation/mixed/background_kept"] == 1
    assert not [value for value in named.values() if isinstance(value, dict)]
