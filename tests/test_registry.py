"""Child runs of the methods, versions of the registered model, and which of them is the best."""

import json
from pathlib import Path

import pytest
from conftest import client, stored

from unflare import tracking
from unflare.tracking.registry import BEST, MODEL, deserves

SERVED = (
    "class Model:\n    def predict(self, features, params=None): return features\n"
    "def _load_pyfunc(path): return Model()\n"
)


def children(root: Path, run: str) -> list:
    reader = client(root)
    experiment = reader.get_run(run).info.experiment_id
    return sorted(
        reader.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run}'"), key=lambda child: child.info.run_name
    )


def trained(root: Path, name: str = "train") -> str:
    package = root / "echo"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").write_text("")
    (package / "served.py").write_text(SERVED)
    (root / "weights").mkdir(exist_ok=True)
    (root / "weights" / "facts.json").write_text(json.dumps(name))
    with tracking.run("train") as run:
        run.model(root / "weights", "echo.served", package, ["numpy"])
    return run.id


def reported(run: str, f1: float, data: str = "a", *, sound: bool = True) -> None:
    with tracking.run("report", resume=run) as report:
        report.version({"validation.f1": f1, "data.scenes": data}, sound=sound)


def holder(root: Path) -> str | None:
    """The run whose version is called the best."""
    aliases = client(root).get_registered_model(MODEL).aliases
    return client(root).get_model_version(MODEL, aliases[BEST]).run_id if BEST in aliases else None


def test_every_method_is_a_child_run_and_a_repeated_evaluation_makes_no_more(root: Path) -> None:
    with tracking.run("train") as parent:
        pass
    for _ in range(2):
        with tracking.run("evaluate", resume=parent.id) as run:
            for name, f1 in (("baf", 0.4), ("unflare", 0.9)):
                run.child(name, {"method": name, "threshold": 0.5}, {"evaluation/f1": f1, "evaluation/auc": None})
    first, second = children(root, parent.id)
    assert (first.info.run_name, second.info.run_name) == ("baf", "unflare")
    assert second.data.params == {"method": "unflare", "threshold": "0.5"}
    assert second.data.metrics == {"evaluation/f1": 0.9}
    assert {first.info.status, second.info.status} == {"FINISHED"}
    assert len(client(root).get_metric_history(second.info.run_id, "evaluation/f1")) == 1


def test_a_child_run_of_another_threshold_takes_the_place_of_the_old_one(root: Path) -> None:
    with tracking.run("evaluate") as run:
        run.child("baf", {"threshold": 0.5}, {"evaluation/f1": 0.4})
        run.child("baf", {"threshold": 0.6}, {"evaluation/f1": 0.3})
    (child,) = children(root, run.id)
    assert child.data.params == {"threshold": "0.6"}
    assert child.data.metrics == {"evaluation/f1": 0.3}


def test_child_runs_survive_an_outage(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with tracking.run("evaluate") as lost:
        lost.child("baf", {"threshold": 0.5}, {"evaluation/f1": 0.4})
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with tracking.run("report", resume=lost.id):
        pass
    (run,) = client(root).search_runs(["1"], "tags.`unflare.id` != ''")
    (child,) = children(root, run.info.run_id)
    assert child.data.metrics == {"evaluation/f1": 0.4}


def test_a_run_has_one_version_and_the_best_is_the_better_one_on_validation(root: Path) -> None:
    worse, better, unsound = trained(root), trained(root), trained(root)
    reported(worse, 0.8)
    assert holder(root) == worse
    reported(better, 0.9)
    assert holder(root) == better
    reported(worse, 0.8)
    reported(unsound, 0.99, sound=False)
    assert holder(root) == better
    versions = client(root).search_model_versions(f"name = '{MODEL}'")
    assert sorted(version.run_id for version in versions) == sorted([worse, better, unsound])
    assert {version.tags["validation.f1"] for version in versions} == {"0.8", "0.9", "0.99"}


def test_the_best_was_never_seen_with_a_problem(root: Path) -> None:
    run = trained(root)
    reported(run, 0.8)
    reported(run, 0.8, sound=False)
    assert holder(root) is None


def test_the_alias_goes_to_the_version_of_the_newer_data() -> None:
    ours = {"validation.f1": "0.7", "data.scenes": "a"}
    assert deserves(ours, None)
    assert not deserves(ours, ours | {"validation.f1": "0.8"})
    assert not deserves(ours, ours)
    assert deserves(ours, {"validation.f1": "0.8", "data.scenes": "b"})
    assert deserves(ours, {})


def test_a_version_serves_the_model_of_its_run(root: Path) -> None:
    import mlflow

    run = trained(root)
    reported(run, 0.8)
    mlflow.set_tracking_uri(f"sqlite:///{root / 'mlflow.db'}")
    served = mlflow.pyfunc.load_model(f"models:/{MODEL}@{BEST}")
    assert served.metadata.run_id == run
    assert served.predict([1, 2]) == [1, 2]


def test_the_version_of_a_temporary_experiment_is_in_the_store_of_the_root(
    root: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(root))
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    run = trained(root)
    reported(run, 0.8)
    assert holder(root) == run
    assert not list(elsewhere.iterdir())


def test_a_run_without_a_model_has_no_version_and_holds_nothing_up(root: Path) -> None:
    with tracking.run("train") as run:
        run.version({"validation.f1": 0.9, "data.scenes": "a"}, sound=True)
        run.metrics({"loss": 1.0})
    assert stored(root, run.id).data.metrics == {"loss": 1.0}
    assert not client(root).search_registered_models()
