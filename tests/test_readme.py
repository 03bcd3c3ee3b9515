"""What the README tells a user to do exists."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from unflare import params

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(
    {
        shlex.join(shlex.split(line.removeprefix("$ "), comments=True))
        for block in re.findall(r"```(?:console|sh)\n(.*?)```", README, re.DOTALL)
        for line in block.splitlines()
        if line.startswith("$ ")
    }
)
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
OUTSIDE = {"git", "cd", "source", "ls", "dask", "export"}
DVC = {"repro", "exp", "metrics", "params", "plots", "queue", "dag"}


def test_there_are_commands() -> None:
    assert {"make repro", "make test", "make ui"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_exists(command: str) -> None:
    program, *arguments = shlex.split(command)
    if program == "make":
        assert arguments[0] in TARGETS
    elif program == "unflare":
        assert (ROOT / "src/unflare/commands" / f"{arguments[0]}.py").exists()
    elif program == "dvc":
        assert arguments[0] in DVC
        for place in re.findall(r"-S ([\w.]+)=", command):
            assert_is_parameter(place)
    else:
        assert program in OUTSIDE


def assert_is_parameter(place: str) -> None:
    noun: object = params.load(ROOT / "params.yaml")
    for name in place.split("."):
        noun = getattr(noun, name)


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_explained(stage: str) -> None:
    assert f"`{stage}`" in README


def test_linked_files_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
