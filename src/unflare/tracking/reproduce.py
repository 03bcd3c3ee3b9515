"""The way back: from a run to the commands that make it again."""

import json
import math
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from unflare.params import flat
from unflare.tracking.link import git

CODE = ("src", "stages", "dvc.yaml")
PATCH = Path("reproduce/changes.patch")  # of the run's artifacts
FETCHED = Path(".unflare/changes.patch")  # in the folder where the run is made again; git ignores it


@dataclass(frozen=True)
class WayBack:
    """`commands` of a shell, one a line; `patch` is the difference of the code from the commit, empty for none."""

    commands: str
    patch: bytes


def way_back(folder: Path, run: str, device: str, ranks: int = 1) -> WayBack:
    """For the state of the files in `folder` now."""
    commit = git(folder, "rev-parse", "HEAD").decode().strip()
    if not commit:
        return WayBack("# No commands make this run again: it was made outside version control.", b"")
    patch = git(folder, "diff", "--binary", "--no-color", "--no-ext-diff", "HEAD", "--", *CODE)
    lines = list(_lost(folder))
    if patch:
        lines.append(f"unflare reproduce {run} --patch {FETCHED}")
    lines.append(f"git checkout {commit}")
    if patch:
        lines.append(f"git apply {FETCHED}")
    changes = [word for change in overrides(_committed(folder), _params(folder)) for word in ("-S", change)]
    command = ["dvc", "exp", "run", *changes] if changes else ["dvc", "repro"]
    machine = f"UNFLARE_DEVICE={device}" + (f" GPUS={ranks}" if ranks > 1 else "")
    return WayBack("\n".join([*lines, f"{machine} {shlex.join(command)}"]), patch)


def overrides(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What `dvc exp run -S` takes to turn one set of parameters into the other."""
    before, after = flat(old), flat(new)
    changed = [key for key in after if key in before and json.dumps(after[key]) != json.dumps(before[key])]
    added = [key for key in after if key not in before]
    return [
        *(f"{key}={_literal(after[key])}" for key in changed),
        *(f"+{key}={_literal(after[key])}" for key in added),
        *(f"~{key}" for key in before if key not in after),
    ]


def _literal(value: object) -> str:
    """As hydra's grammar, which DVC parses the value with, reads it back."""
    if isinstance(value, list):
        return f"[{','.join(map(_literal, value))}]"
    if isinstance(value, str):
        # Backslashes count as such only before a quote or at the end.
        escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + (r"\'" if found[2] else ""), value)
        return f"'{escaped}'".replace("${", r"\${")  # no reference to another parameter
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return repr(value)


def _lost(folder: Path) -> Iterator[str]:
    """Remarks on what these commands do not bring back."""
    others = git(folder, "ls-files", "--others", "--exclude-standard", "--", *CODE).decode().split("\n")
    for path in filter(None, others):
        yield f"# {path} was not under version control: what it did is not made again."
    if not git(folder, "ls-files", "--", "params.yaml"):
        yield "# params.yaml was not under version control: its values are in the run's parameters."


def _committed(folder: Path) -> dict[str, Any]:
    """Parameters of the commit; those in use where it has none."""
    text = git(folder, "show", "HEAD:./params.yaml")
    return _read(text) if text else _params(folder)


def _params(folder: Path) -> dict[str, Any]:
    path = folder / "params.yaml"
    return _read(path.read_bytes()) if path.exists() else {}


def _read(text: bytes) -> dict[str, Any]:
    """As DVC reads it: to YAML 1.2, `1e-07`, which DVC writes, is a number."""
    return dict(YAML(typ="safe").load(text))
