"""The way back: the commands that a run prints give the same code and the same parameters."""

import json
import math
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import stored
from ruamel.yaml import YAML

from unflare import params, tracking
from unflare.tracking.reproduce import overrides, way_back

OLD = {"seed": 1, "data": {"root": "data/sample"}, "sensor": {"k": [5.0, 1e-7]}, "training": {"rate": 3.0e-3}}
VALUES = [0, -7, 1.0, 1e-7, 3.0e-4, -2.5e20, True, False, None, "", "plain", "1", "1.0e-4", "null", "true"]
VALUES += ["with space", "a,b=c", "it's", 'say "no"', "back\\slash", "ends in \\", "quote \\' inside", "{a: b}"]
VALUES += ["[1, 2]", "${seed}", "/data/über/流", "# no comment", "$HOME", "`id`"]
VALUES += [[], [1, 2.5e-5], ["sine", "it's"], [[1, 2], [3.0]]]


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def same(one: object, other: object) -> bool:
    """The same value of the same type, in lists too."""
    return json.dumps(one) == json.dumps(other)


def write(path: Path, content: object) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.fixture
def project(root: Path) -> Path:
    """A committed project; the runs' store is beside its code."""
    (root / "src").mkdir()
    (root / "stages").mkdir()
    (root / "src" / "code.py").write_text("print(1)\n")
    (root / "src" / "table.bin").write_bytes(bytes(range(256)))
    (root / "stages" / "train.py").write_text("print(2)\n")
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / ".gitignore").write_text("/.unflare/\n/mlflow.db*\n/mlruns/\n")
    write(root / "params.yaml", OLD)
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "start")
    return root


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_through_the_shell_and_the_parser_of_dvc(value: object, tmp_path: Path) -> None:
    from dvc.utils.hydra import apply_overrides

    new = OLD | {"data": {"root": value}}
    command = shlex.join(["dvc", *(word for change in overrides(OLD, new) for word in ("-S", change))])
    said = subprocess.run(
        ["sh", "-c", f"dvc() {{ printf '%s\\0' \"$@\"; }}; {command}"], capture_output=True, text=True, check=True
    ).stdout.split("\0")[:-1]
    write(tmp_path / "params.yaml", OLD)
    apply_overrides(tmp_path / "params.yaml", [word for word in said if word != "-S"])
    back = YAML(typ="safe").load(tmp_path / "params.yaml")
    assert same(back["data"]["root"], value)
    assert same(back | {"data": None}, OLD | {"data": None})


def test_parameters_that_came_and_went_are_added_and_taken_away(tmp_path: Path) -> None:
    from dvc.utils.hydra import apply_overrides

    new = {"seed": 1, "data": {"root": "data/sample", "kind": "real"}, "training": {"rate": 3.0e-3}}
    write(tmp_path / "params.yaml", OLD | {"sensor": 5})
    apply_overrides(tmp_path / "params.yaml", overrides(OLD | {"sensor": 5}, new))
    assert yaml.safe_load((tmp_path / "params.yaml").read_text()) == new


def test_every_parameter_of_the_project_can_be_set_and_read_back(tmp_path: Path) -> None:
    from dvc.utils.hydra import apply_overrides

    project = Path(__file__).parents[1] / "params.yaml"
    new = YAML(typ="safe").load(project)
    old = {section: dict.fromkeys(value, 0) if isinstance(value, dict) else 0 for section, value in new.items()}
    write(tmp_path / "params.yaml", old)
    apply_overrides(tmp_path / "params.yaml", overrides(old, new))
    assert params.load(tmp_path / "params.yaml") == params.load(project)


def test_only_what_differs_is_set() -> None:
    assert overrides(OLD, OLD) == []
    assert overrides(OLD, OLD | {"training": {"rate": 1.0e-4}}) == ["training.rate=0.0001"]
    assert overrides({"a": 1}, {"a": 1.0}) == ["a=1.0"]
    assert overrides({"a": 1}, {"a": math.inf}) == ["a=inf"]


def test_a_clean_tree_needs_its_commit_and_dvc_repro(project: Path) -> None:
    commit = git(project, "rev-parse", "HEAD").strip()
    way = way_back(project, "abc", "cpu")
    assert way.commands.splitlines() == [f"git checkout {commit}", "UNFLARE_DEVICE=cpu dvc repro"]
    assert way.patch == b""
    assert way_back(project, "abc", "cuda", ranks=4).commands.splitlines()[-1] == "UNFLARE_DEVICE=cuda GPUS=4 dvc repro"


def test_the_commands_of_a_changed_tree_bring_code_and_parameters_back(project: Path) -> None:
    (project / "src" / "code.py").write_text("print(3)\n")
    (project / "src" / "table.bin").write_bytes(bytes(range(255, -1, -1)))
    (project / "stages" / "train.py").unlink()
    (project / "src" / "new.py").write_text("print(4)\n")
    write(project / "params.yaml", OLD | {"seed": 2})
    with tracking.run("train") as run:
        run.reproducible("cuda")
    commands = run.card()["reproduce"].splitlines()
    assert commands[0].startswith("# src/new.py was not under version control")
    assert commands[-1] == "UNFLARE_DEVICE=cuda dvc exp run -S seed=2"
    assert stored(project, run.id).data.tags["reproduce"] == run.card()["reproduce"]

    git(project, "stash", "-q")
    fetch, checkout, apply = commands[1:4]
    assert fetch == f"unflare reproduce {run.id} --patch .unflare/changes.patch"
    for command in (fetch.replace("unflare ", f"{sys.executable} -m unflare "), checkout, apply):
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "src")}
        subprocess.run(command, shell=True, check=True, cwd=project, env=environment, capture_output=True)
    assert (project / "src" / "code.py").read_text() == "print(3)\n"
    assert (project / "src" / "table.bin").read_bytes() == bytes(range(255, -1, -1))
    assert not (project / "stages" / "train.py").exists()


def test_without_version_control_it_says_so(root: Path) -> None:
    with tracking.run("train") as run:
        run.reproducible("cpu")
    assert run.card()["reproduce"].startswith("# No commands make this run again")
    assert "\n" not in run.card()["reproduce"]


def test_the_revision_of_a_run_is_that_of_its_training(project: Path) -> None:
    with tracking.run("train") as run:
        pass
    (project / "src" / "code.py").write_text("print(3)\n")
    with tracking.run("evaluate", resume=run.id):
        pass
    tags = stored(project, run.id).data.tags
    assert tags["git.dirty"] == "False"
    assert tags["revision.evaluate"].endswith("+dirty")
