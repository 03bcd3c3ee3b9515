"""Tracking: what a run says arrives in the store, once, whatever happens in between; and never stops a computation."""

import itertools
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import yaml
from conftest import client, files, stored

from unflare import tracking
from unflare.tracking import delivery, journal, link
from unflare.tracking.delivery import Delivery


def test_what_a_run_says_is_in_the_store(root: Path) -> None:
    (root / "table.csv").write_text("1,2\n")
    (root / "figures").mkdir()
    (root / "figures" / "a.svg").write_text("<svg/>")
    with tracking.run("train") as run:
        run.params({"network": {"layers": 4}, "seed": 1})
        run.metrics({"loss": 0.5, "auc": None, "norm": float("nan")}, step=3)
        run.series("memory/host", [(0, 1.0), (1, 2.0), (2, 4.0)])
        run.describe("**hello**")
        run.dataset("scenes", "d41d8cd98f00b204e9800998ecf8427e.dir", Path("data/scenes"), "training")
        run.artifact(root / "table.csv", "tables")
        run.artifact(root / "figures", "figures")
    found = stored(root, run.id)
    assert found.info.status == "FINISHED"
    assert found.data.params == {"network.layers": "4", "seed": "1"}
    assert found.data.metrics == {"loss": 0.5, "memory/host": 4.0}
    assert found.data.tags["mlflow.note.content"] == "**hello**"
    assert found.inputs.dataset_inputs[0].dataset.digest == "d41d8cd98f00b204e9800998ecf8427e.dir"
    assert files(root, run.id, "tables") | files(root, run.id, "figures") == {"tables/table.csv", "figures/a.svg"}
    assert not list((root / ".unflare" / "journal").iterdir())
    assert run.seconds > 0


def test_stages_add_to_one_run(root: Path) -> None:
    with tracking.run("train") as first:
        first.metrics({"loss": 1.0})
    with tracking.run("evaluate", resume=first.id) as second:
        second.metrics({"f1": 0.9})
    assert second.id == first.id
    assert stored(root, first.id).data.metrics == {"loss": 1.0, "f1": 0.9}


def test_metrics_are_means_over_periods() -> None:
    from unflare.tracking.sink import means

    entries = [{"time": 10 + 0.01 * i, "step": i, "values": {"loss": float(i)}} for i in range(500)]  # 5 seconds
    points = list(means(entries, period=2.0))
    assert [(point.step, point.value) for point in points] == [(199, 99.5), (399, 299.5), (499, 449.5)]


def test_many_steps_are_few_deliveries_and_few_points(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that goes on by 5 ms at each look: five seconds, and a delivery each two."""
    looks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: 0.005 * next(looks), perf_counter=time.perf_counter)
    monkeypatch.setattr(delivery, "time", clock)
    monkeypatch.setattr(journal, "time", SimpleNamespace(time=lambda: 0.0))
    sent = mock.Mock(side_effect=Delivery.flush)
    monkeypatch.setattr(Delivery, "flush", lambda self: sent(self))
    with tracking.run("train") as run:
        for step in range(1000):
            run.metrics({f"value {number}": float(step) for number in range(20)}, step)
        assert 2 <= sent.call_count <= 4
    history = client(root).get_metric_history(run.id, "value 0")
    assert [point.step for point in history][-1] == 999
    assert len(history) <= 4


def test_an_error_passes_and_marks_the_run(root: Path) -> None:
    ids = []

    def stage() -> None:
        with tracking.run("train") as run:
            ids.append(run.id)
            run.metrics({"loss": 1.0})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stage()
    assert stored(root, ids[0]).info.status == "FAILED"
    assert stored(root, ids[0]).data.metrics == {"loss": 1.0}


def test_an_outage_from_the_start_costs_nothing_and_is_sent_by_the_next_run(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    (root / "result.txt").write_text("42")
    with tracking.run("train") as lost:
        lost.params({"seed": 1})
        lost.metrics({"loss": 0.25}, step=7)
        lost.artifact(root / "result.txt")
    assert lost.id.startswith("local-")
    (root / "result.txt").unlink()  # DVC deletes outs before a stage runs

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with tracking.run("evaluate", resume=lost.id) as again:
        again.metrics({"f1": 0.5})
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("eventmamba-fx").experiment_id])
    assert found.data.metrics == {"loss": 0.25, "f1": 0.5}
    assert found.data.params == {"seed": "1"}
    assert files(root, found.info.run_id) == {"result.txt"}


def test_a_killed_run_is_reconciled_by_the_next(root: Path) -> None:
    code = (
        "import os, signal; from unflare import tracking\n"
        "with tracking.run('train') as run:\n"
        "    run.metrics({'loss': 1.0}); run.metrics({'loss': 3.0}, 1); print(run.id, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout.strip()
    assert stored(root, killed).info.status == "RUNNING"
    with tracking.run("train"):
        pass
    assert stored(root, killed).info.status == "KILLED"
    assert stored(root, killed).data.metrics["loss"] in (2.0, 3.0)


def test_a_store_that_was_deleted_gets_the_run_anew(root: Path, migrated: Path) -> None:
    with tracking.run("train") as first:
        pass
    shutil.copy(migrated, root / "mlflow.db")
    for stage in ("evaluate", "report"):
        with tracking.run(stage, resume=first.id) as run:
            run.metrics({stage: 1.0})
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("eventmamba-fx").experiment_id])
    assert found.data.metrics == {"evaluate": 1.0, "report": 1.0}


def test_a_value_that_the_store_refuses_does_not_hold_up_the_rest(root: Path) -> None:
    with tracking.run("train") as run:
        run.params({"seed": 1})
        run.params({"seed": 2})  # MLflow does not let a parameter change
        run.metrics({"loss": 1.0})
    assert stored(root, run.id).data.params == {"seed": "1"}
    assert stored(root, run.id).data.metrics == {"loss": 1.0}


def test_an_inactive_rank_tracks_nothing(root: Path) -> None:
    with tracking.run("train", active=False) as run:
        run.params({"seed": 1})
        run.metrics({"loss": 1.0})
        run.artifact(root / "absent")
    from mlflow import MlflowClient

    assert not (root / ".unflare").exists()
    assert MlflowClient(f"sqlite:///{root / 'mlflow.db'}").get_experiment_by_name("eventmamba-fx") is None


def test_queued_experiments_land_in_the_store_of_the_root(
    root: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(root))
    monkeypatch.setenv("DVC_EXP_NAME", "sharp-idea")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    with tracking.run("train") as run:
        pass
    assert stored(root, run.id).info.run_name == "sharp-idea"
    assert stored(root, run.id).data.tags["dvc.experiment"] == "sharp-idea"


def test_lock_tags_are_those_of_the_stages_before(tmp_path: Path) -> None:
    stages = ["prepare", "train", "evaluate"]
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {name: {} for name in stages}}, sort_keys=False))
    outs = {name: {"outs": [{"path": f"out/{name}", "md5": name * 2}]} for name in stages}
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"stages": outs}))
    before = link.lock_tags(tmp_path, before="evaluate")
    hashed = before.pop("dvc.lock")
    assert before == {"dvc.prepare.out/prepare": "prepareprepare", "dvc.train.out/train": "traintrain"}
    assert set(link.lock_tags(tmp_path, before="report")) == {f"dvc.{name}.out/{name}" for name in stages} | {
        "dvc.lock"
    }
    outs["evaluate"]["outs"][0]["md5"] = "other"
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"stages": outs}))
    assert link.lock_tags(tmp_path, before="evaluate")["dvc.lock"] == hashed
    outs["train"]["cmd"] = "python stages/train.py"
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"stages": outs}))
    assert link.lock_tags(tmp_path, before="evaluate")["dvc.lock"] != hashed


def test_the_revision_tells_changed_code_from_changed_reports(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    assert "git.revision" not in link.revision_tags(tmp_path)
    git("init")
    (tmp_path / "params.yaml").write_text("seed: 1\n")
    (tmp_path / "dvc.lock").write_text("old\n")
    git("add", ".")
    git("commit", "-m", "start")
    (tmp_path / "dvc.lock").write_text("new\n")
    assert link.revision_tags(tmp_path)["git.dirty"] == "False"
    (tmp_path / "params.yaml").write_text("seed: 2\n")
    assert link.revision_tags(tmp_path)["git.revision"].endswith("+dirty")


def test_the_model_loads_as_pyfunc_and_predicts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = root / "toy"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "served.py").write_text(
        "import json, pathlib\n"
        "class Model:\n"
        "    def __init__(self, bias): self.bias = bias\n"
        "    def predict(self, features, params=None): return features.mean(-1) + self.bias\n"
        "def _load_pyfunc(path): return Model(json.loads(pathlib.Path(path, 'facts.json').read_text())['bias'])\n"
    )
    weights = root / "weights"
    weights.mkdir()
    (weights / "facts.json").write_text(json.dumps({"bias": 0.5}))
    import mlflow

    search = mock.Mock(wraps=mlflow.models.infer_pip_requirements)  # takes seconds
    monkeypatch.setattr(mlflow.models, "infer_pip_requirements", search)
    with tracking.run("train") as run:
        run.model(weights, "toy.served", package, ["numpy"])
    search.assert_not_called()

    mlflow.set_tracking_uri(f"sqlite:///{root / 'mlflow.db'}")
    model = mlflow.pyfunc.load_model(f"runs:/{run.id}/model")
    for shape in ((7, 13), (2, 7, 13)):
        np.testing.assert_array_equal(model.predict(np.ones(shape, np.float32)), np.full(shape[:-1], 1.5))
    assert stored(root, run.id).info.status == "FINISHED"


def test_the_network_is_served_as_it_computes(root: Path) -> None:
    import mlflow
    import torch

    import unflare
    from unflare import params
    from unflare.network import Classifier

    shape = params.load(Path(__file__).parents[1] / "params.yaml").network.model_copy(update={"layers": 1})
    network = Classifier(shape, np.zeros(13), np.ones(13)).eval()
    network.save(root / "models", {})
    with tracking.run("train") as run:
        run.model(root / "models", "unflare.network.pyfunc", Path(unflare.__file__).parent, ["torch", "safetensors"])
    mlflow.set_tracking_uri(f"sqlite:///{root / 'mlflow.db'}")
    served = mlflow.pyfunc.load_model(f"runs:/{run.id}/model")
    features = np.random.default_rng(0).normal(size=(2, 50, 13)).astype(np.float32)
    with torch.inference_mode():
        expected = torch.sigmoid(network(torch.from_numpy(features))[0]).numpy()
    np.testing.assert_allclose(served.predict(features), expected, atol=1e-6)
    np.testing.assert_allclose(served.predict(features[1]), expected[1], atol=1e-6)


def test_the_report_stage_adds_its_findings_to_the_run_of_the_training(root: Path) -> None:
    from made_up import edit, write_results

    with tracking.run("train") as run:
        pass
    write_results(root)
    edit(root / "models/run.json", lambda card: card.update(id=run.id))
    stage = Path(__file__).parents[1] / "stages" / "report.py"
    command = [sys.executable, str(stage), "reports", "models"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    findings = json.loads((root / "reports" / "findings.json").read_text())
    verified = sum(finding["status"] == "verified" for finding in findings)
    assert f"{verified} verified" in done.stdout
    found = stored(root, run.id)
    assert found.info.status == "FINISHED"
    assert found.data.tags["finding.parameter_count"] == "verified"
    assert found.data.metrics["findings/verified"] == verified > 10
    assert "F1: 0.930" in found.data.tags["mlflow.note.content"]
    names = {f"report/report.{language}.{suffix}" for language in ("en", "zh") for suffix in ("md", "html")}
    assert files(root, run.id, "report") == names | {"report/findings.json", "report/figures"}
