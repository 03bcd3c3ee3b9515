"""The whole pipeline, tiny, as a user runs it: `dvc repro` in a fresh repository; and what bad data gives."""

import json
import os
import shutil
import subprocess
import sys
from importlib import util
from pathlib import Path

import numpy as np
import pytest
import yaml

from unflare.events import Events, write_dsec
from unflare.synthesis.glare import encoded

ROOT = Path(__file__).parents[1]
TINY = {
    "sample": {"sequences": 3, "seconds": 1.0, "frame_rate": 100, "shapes": [[96, 128], [72, 96]], "flares": 6},
    "scenes": {"train": 4, "validation": 2, "test": 2, "duration": 20_000},
    "lamp": {"frame_rate": 600},
    "fusion": {"scenes": 4, "duration": 20_000, "shape": [96, 128]},
    "training": {"window": 256, "lead": 16, "steps": 20, "warmup": 2, "validate_every": 10, "validation_windows": 4},
}


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "DVC", "GIT"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    own = {"MLFLOW_DISABLE_TELEMETRY": "true", "UNFLARE_WORKERS": "2", "HOME": str(folder), "PATH": path}
    return kept | own


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout + done.stderr


def write_params(folder: Path, changes: dict[str, dict[str, object]]) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for section, values in changes.items():
        params[section] |= values
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the project's code and tiny parameters, after `dvc repro`."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("dvc.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    for name in ("stages", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    write_params(folder, TINY)
    run(folder, "git", "init", "-q")
    run(folder, "dvc", "init", "-q")
    run(folder, "dvc", "repro")
    return folder


@pytest.mark.slow
def test_a_run_ends_with_a_report_in_both_languages_and_no_check_left_out(finished: Path) -> None:
    for name in ("report.en.md", "report.en.html", "report.zh.md", "report.zh.html"):
        assert (finished / "reports" / name).stat().st_size > 5000
    findings = json.loads((finished / "reports" / "findings.json").read_text(encoding="utf-8"))
    status = {finding["name"]: finding["status"] for finding in findings}
    not_run = {name for name, said in status.items() if said == "not_run"}
    # No device, float32 throughout; and two seconds say nothing of a leak.
    assert not_run <= {"device_memory_steady", "precision_costs_nothing", "memory_steady"}
    sound = ("parameter_count", "state_space_backend", "simulator_ran_for_every_scene", "no_empty_scene")
    assert {name: status[name] for name in (*sound, "splits_disjoint", "evaluation_is_sound")} == dict.fromkeys(
        (*sound, "splits_disjoint", "evaluation_is_sound"), "verified"
    )
    assert status["embedded_or_real_data"] == "warning"  # a known limit is named, never left out


@pytest.mark.slow
def test_a_second_run_does_nothing_and_a_training_parameter_reaches_the_last_three_stages(finished: Path) -> None:
    assert "up to date" in run(finished, "dvc", "repro")
    write_params(finished, TINY | {"training": TINY["training"] | {"learning_rate": 1.0e-3}})
    plan = run(finished, "dvc", "repro", "--dry")
    write_params(finished, TINY)
    begun = [line.split("'")[1] for line in plan.splitlines() if line.startswith("Running stage")]
    assert begun[0] == "train"
    assert set(begun) <= {"train", "evaluate", "report"}


@pytest.mark.slow
def test_the_run_is_in_the_store_with_a_model_that_predicts(finished: Path) -> None:
    card = json.loads((finished / "models" / "run.json").read_text(encoding="utf-8"))
    script = (
        "import mlflow, numpy as np, sys\n"
        "mlflow.set_tracking_uri('sqlite:///mlflow.db')\n"
        "runs = mlflow.search_runs(search_all_experiments=True)\n"
        "children = runs['tags.mlflow.parentRunId'] == sys.argv[1]\n"
        "assert list(runs.run_id[~children]) == [sys.argv[1]], list(runs.run_id)\n"
        "assert {'unflare', 'baf', 'keep_all', 'oracle'} <= set(runs['params.method'][children])\n"
        "run = mlflow.get_run(sys.argv[1])\n"
        "assert run.info.status == 'FINISHED', run.info.status\n"
        "assert run.data.params['network.d_state'] == '40'\n"
        "assert 'evaluation/f1' in run.data.metrics and 'time/total_backward' in run.data.metrics\n"
        "assert [tag for tag in run.data.tags if tag.startswith('dvc.synthesize')]\n"
        "assert run.inputs.dataset_inputs\n"
        "model = mlflow.pyfunc.load_model(f'runs:/{sys.argv[1]}/model')\n"
        "said = model.predict(np.zeros((50, 13), np.float32))\n"
        "assert said.shape == (50,) and ((said >= 0) & (said <= 1)).all()\n"
    )
    run(finished, sys.executable, "-c", script, card["id"])


@pytest.mark.slow
def test_the_same_seed_trains_the_same_weights_also_without_a_cache_of_features(finished: Path) -> None:
    before = (finished / "models" / "model.safetensors").read_bytes()
    write_params(finished, TINY | {"features": {"cache": False}})
    try:
        run(finished, sys.executable, "stages/featurize.py", "data/scenes", "none/features", "none/featurize.json")
        arguments = ("data/scenes", "none/features", "none", "none/reports", "none/train.json", "none/checkpoints")
        run(finished, sys.executable, "stages/train.py", *arguments)
    finally:
        write_params(finished, TINY)
    assert list((finished / "none" / "features").iterdir()) == []
    assert (finished / "none" / "model.safetensors").read_bytes() == before
    made, cached = (json.loads((finished / path).read_text()) for path in
                    ("none/featurize.json", "reports/stages/featurize.json"))  # fmt: skip
    assert made["facts"] == cached["facts"] | {"cache": False}


@pytest.mark.slow
def test_a_temporary_experiment_is_a_run_in_the_same_store(finished: Path) -> None:
    """It works in a folder of its own, which DVC removes; the run, its files and its model must outlive that."""
    git = ("git", "-c", "user.name=t", "-c", "user.email=t@t")
    run(finished, *git, "add", ".")
    run(finished, *git, "commit", "-qm", "run")
    run(finished, "dvc", "exp", "run", "--temp", "--name", "fewer", "-S", "training.steps=15")
    script = (
        "import mlflow, sys\n"
        "from pathlib import Path\n"
        "mlflow.set_tracking_uri('sqlite:///mlflow.db')\n"
        "query = dict(search_all_experiments=True, output_format='list')\n"
        "(run,) = mlflow.search_runs(filter_string=\"tags.`dvc.experiment` = 'fewer'\", **query)\n"
        "assert run.info.status == 'FINISHED', run.info.status\n"
        "assert run.data.params['training.steps'] == '15'\n"
        "assert Path('mlruns', run.info.run_id, 'artifacts', 'records', 'params.yaml').exists()\n"
        "assert Path('mlruns', run.info.run_id, 'artifacts', 'report', 'report.en.html').exists()\n"
        "(version,) = mlflow.search_model_versions(filter_string=f\"run_id='{run.info.run_id}'\")\n"
        "mlflow.pyfunc.load_model(f'models:/{version.name}/{version.version}')\n"
    )
    run(finished, sys.executable, "-c", script)
    assert not list((finished / ".unflare" / "journal").iterdir())


def a_sequence(root: Path, name: str, rng: np.random.Generator) -> Path:
    n = 2000
    t = np.sort(rng.integers(0, 1_200_000, n)).astype(np.int64)
    x, y = rng.integers(0, 64, n).astype(np.uint16), rng.integers(0, 48, n).astype(np.uint16)
    path = root / name / "events" / "left" / "events.h5"
    write_dsec(path, [Events(t, x, y, rng.integers(0, 2, n).astype(np.uint8), (48, 64))])
    return path


def images(root: Path, count: int, *, partners: bool = True) -> None:
    for name in ("Compound_Flare", "Light_Source")[: 1 + partners]:
        (root / "Flare-R" / name).mkdir(parents=True)
        for number in range(count):
            (root / "Flare-R" / name / f"{number:06d}.png").write_bytes(encoded(np.zeros((8, 8, 3), np.uint8)))


def data(root: Path, fault: str) -> None:
    """A small sound data folder, with one fault."""
    if fault == "no folder":
        return
    root.mkdir()
    if fault == "empty folder":
        return
    paths = [a_sequence(root, f"s{number}", np.random.default_rng(number)) for number in range(3)]
    images(root, 3, partners=fault != "no partner")
    if fault == "truncated":
        paths[1].write_bytes(paths[1].read_bytes()[:-500])
    if fault == "too few":
        shutil.rmtree(root / "s0")


@pytest.mark.parametrize("fault", ["no folder", "empty folder", "truncated", "no partner", "too few"])
def test_bad_data_ends_prepare_with_one_sentence_and_no_output(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data(tmp_path / "given", fault)
    write_params(tmp_path, {"data": {"root": "given"}})
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as ending:
        stage("prepare").main(Path("data/index.json"), Path("data/sequences"), Path("reports/prepare.json"))
    assert ending.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("prepare: given")
    assert error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_sound_data_is_indexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data(tmp_path / "given", "none")
    write_params(tmp_path, {"data": {"root": "given"}})
    monkeypatch.chdir(tmp_path)
    stage("prepare").main(Path("data/index.json"), Path("data/sequences"), Path("reports/prepare.json"))
    facts = json.loads(Path("reports/prepare.json").read_text(encoding="utf-8"))["facts"]
    assert facts["data_kind"] == "real"
    assert facts["sequences"] == {"train": 1, "validation": 1, "test": 1}


def stage(name: str):  # noqa: ANN201 (a module)
    spec = util.spec_from_file_location(name, ROOT / "stages" / f"{name}.py")
    assert spec
    assert spec.loader
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
