"""The weights that come with the package: whole, of the present features, as their card says, and of use."""

import json
import os
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml
from formats import some_events, written
from typer.testing import CliRunner

import unflare
from unflare import params
from unflare.commands import app
from unflare.events import Scene, build
from unflare.features import FEATURES, VERSION
from unflare.network import Classifier, shipped
from unflare.runtime import Clock
from unflare.scores import scores
from unflare.synthesis.compose import make_scene, plan
from unflare.synthesis.sample import write_flare, write_sequence

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def network() -> Classifier:
    return Classifier.load(shipped())


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Scene]:
    """Three mixed scenes of small sensors, of sequences and flares that no training has seen."""
    root, p = tmp_path_factory.mktemp("data"), params.load(ROOT / "params.yaml")
    sample = p.sample.model_copy(update={"shapes": ((120, 160),), "seconds": 1.0})
    for number in range(3):
        write_sequence(root, sample, p.sensor, 4242, number, Clock())
        write_flare(root, 4242, number, Clock())
    alike = dict.fromkeys(("train", "validation", "test"), 1)
    settings = p.scenes.model_copy(update={**alike, "flare_only": 0.0, "background_only": 0.0})
    index = build(root, settings.duration, 0.3, 0.3, seed=1)
    jobs = [job for split in alike for job in plan(index, split, settings, seed=1)]
    return [make_scene(settings, p.lamp, p.sensor, job, Clock()) for job in jobs]


def test_they_are_of_the_present_network_and_features(network: Classifier) -> None:
    assert network.parameter_count == 271_745
    assert network.shape == params.load(ROOT / "params.yaml").network
    assert (network.facts["definition"], network.facts["features"]) == (VERSION, list(FEATURES))
    assert network.facts["window"] == params.load(ROOT / "params.yaml").features.window
    assert all(tensor.isfinite().all() for tensor in network.state_dict().values())


def test_their_facts_are_written_beside_them(network: Classifier) -> None:
    assert json.loads(shipped().with_suffix(".json").read_text(encoding="utf-8")) == network.facts


def test_the_card_has_the_figures_of_the_facts(network: Classifier) -> None:
    card = shipped().with_name("README.md").read_text(encoding="utf-8")
    facts = network.facts
    assert f"threshold {facts['threshold']:.3f}" in card
    for score in ("f1", "roc_auc", "background_kept"):
        assert f"{facts['validation'][score]:.3f}" in card


def test_the_experiment_that_makes_them_is_one_of_parameters_and_theirs(network: Classifier) -> None:
    command = ["make", "--dry-run", "--no-print-directory", "--old-file=.venv/.ready", "weights"]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    said = subprocess.run(command, cwd=ROOT, env=outside, capture_output=True, text=True, check=True).stdout
    experiment, copy = said.splitlines()[-3:-1]
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    settings = [word for word in shlex.split(experiment) if "=" in word]
    for place, value in (setting.split("=", 1) for setting in settings):
        *nouns, name = place.split(".")
        noun = content[nouns[0]] if nouns else content
        assert name in noun
        noun[name] = yaml.safe_load(value)
    assert len(settings) > 10
    made = params.Params.model_validate(content)
    assert made.seed == network.facts["seed"]
    assert made.network == network.shape
    assert network.facts["background_thresholds"][str(made.training.keep_background)] == network.facts["threshold"]
    assert copy.endswith(f" {shipped().parent.relative_to(ROOT)}/")


def test_they_tell_flare_from_background(scenes: list[Scene], network: Classifier) -> None:
    said = np.concatenate([unflare.score(scene.events) for scene in scenes])
    flare = np.concatenate([scene.flare for scene in scenes])
    found = scores(said, flare, network.facts["threshold"])
    assert found.roc_auc
    assert found.roc_auc > 0.85
    assert found.background_kept
    assert found.background_kept > 0.6
    assert found.flare_removed
    assert found.flare_removed > 0.8


def test_a_recording_is_cleaned_by_them_where_no_model_is_named(tmp_path: Path, network: Classifier) -> None:
    path, out = written(tmp_path, "npz", some_events()), tmp_path / "clean.npz"
    done = CliRunner().invoke(app, ["clean", str(path), "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert f"{shipped()}), threshold {network.facts['threshold']:.3f}" in done.output
    events, kept = unflare.load(path), unflare.load(out)
    expected = events[unflare.score(events) < network.facts["threshold"]]
    assert all(np.array_equal(getattr(kept, name), getattr(expected, name)) for name in "txyp")
