"""dvc.yaml, the imports and the layers agree; every parameter is read; every stage has its script."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from unflare import params

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "unflare"
STAGES: dict[str, dict] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
LAYERS = [
    "events",
    "edeflare",
    "synthesis",
    "features",
    "network",
    "training",
    "inference",
    "evaluation",
    "cleaning",
    "reporting",
    "preview",
]
PLUMBING = {"params", "runtime", "tracking"}  # changes how a stage runs, never what it computes
TOP = {"commands", "__main__"}  # the command line may import everything, and nothing of ours imports it
LEAVES = {"scores"}  # imports nothing of ours
WEIGHTS = "weights/model.safetensors"  # data, read through unflare.network
NO_CODE = {"weights", "__pycache__"}
STRANGERS = {("synthesis", "features"), ("features", "synthesis"), ("network", "features"), ("network", "events")}


def modules(part: str) -> list[Path]:
    return sorted((SOURCE / part).rglob("*.py")) or [SOURCE / f"{part}.py"]


def imported(path: Path) -> set[str]:
    """Parts of ours that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("unflare.")}


def imports(part: str) -> set[str]:
    return set().union(*map(imported, modules(part))) - {part}


def reached(parts: set[str]) -> set[str]:
    found, todo = set(), set(parts)
    while todo:
        part = todo.pop()
        found.add(part)
        todo |= imports(part) - found
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_part_that_its_script_reaches(stage: str) -> None:
    script = f"stages/{stage}.py"
    dependencies = set(STAGES[stage]["deps"])
    ours = {re.sub(r"\.py$", "", d.removeprefix("src/unflare/")) for d in dependencies if d.startswith("src/unflare/")}
    assert script in dependencies
    assert ours - {WEIGHTS} == reached(imported(ROOT / script)) - PLUMBING
    assert (WEIGHTS in ours) == ("shipped" in (ROOT / script).read_text(encoding="utf-8"))


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_import_downwards(layer: str) -> None:
    below = set(LAYERS[: LAYERS.index(layer)])
    assert imports(layer) <= below | PLUMBING | LEAVES
    assert not any((layer, other) in STRANGERS for other in imports(layer))


@pytest.mark.parametrize("part", sorted(PLUMBING | LEAVES))
def test_plumbing_imports_nothing_of_ours(part: str) -> None:
    assert imports(part) <= PLUMBING


def test_only_stages_and_the_command_line_import_tracking() -> None:
    assert not [layer for layer in LAYERS if "tracking" in imports(layer)]


def test_nothing_imports_the_command_line() -> None:
    parts = {path.stem for path in SOURCE.iterdir() if path.is_dir() or path.suffix == ".py"} - TOP - NO_CODE
    assert {*LAYERS, *PLUMBING, *LEAVES} == parts - {"__init__", "py"}
    assert not [part for part in parts if imports(part) & TOP]


def test_the_command_line_imports_nothing_slow_before_a_command_runs() -> None:
    code = "import sys, unflare.commands; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "typer" in loaded
    assert not {"torch", "mlflow", "numba", "numpy", "h5py", "cv2", "matplotlib"} & set(loaded)


def test_every_parameter_is_read_and_every_section_has_a_stage() -> None:
    text = "\n".join(
        path.read_text(encoding="utf-8") for folder in (SOURCE, ROOT / "stages") for path in folder.rglob("*.py")
    )
    named = {name.split(".")[0] for stage in STAGES.values() for name in stage.get("params", [])}
    assert named == set(params.Params.model_fields)
    for noun in params.Noun.__subclasses__():
        for field, kind in noun.model_fields.items():
            nested = isinstance(kind.annotation, type) and issubclass(kind.annotation, BaseModel)
            assert nested or re.search(rf"\.{field}\b", text), f"{noun.__name__}.{field} is read by nobody"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_loads_torch_after_the_package_has_said_how_its_threads_wait(stage: str) -> None:
    tree = ast.parse((ROOT / "stages" / f"{stage}.py").read_text(encoding="utf-8"))
    names = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert not [name for name in names if name.split(".")[0] == "torch"]


def test_stages_and_scripts_are_the_same() -> None:
    assert sorted(STAGES) == sorted(path.stem for path in (ROOT / "stages").glob("*.py"))
