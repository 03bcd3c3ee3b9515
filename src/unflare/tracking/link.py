"""What ties a run to the state of the files: git's revision and the hashes in dvc.lock."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

CODE = ("src", "stages", "params.yaml", "dvc.yaml")  # what decides a result; reports and dvc.lock change as stages run


def revision_tags(folder: Path) -> dict[str, str]:
    """git.revision, git.commit, git.dirty and dvc.experiment, as far as there are any."""
    tags = {}
    commit = _git(folder, "rev-parse", "HEAD")
    if commit:
        dirty = bool(_git(folder, "status", "--porcelain", "--untracked-files=no", "--", *CODE))
        short = _git(folder, "rev-parse", "--short", "HEAD")
        tags = {"git.commit": commit, "git.revision": f"{short}{'+dirty' if dirty else ''}", "git.dirty": str(dirty)}
    experiment = os.environ.get("DVC_EXP_NAME")
    return tags | ({"dvc.experiment": experiment} if experiment else {})


def lock_tags(folder: Path, before: str) -> dict[str, str]:
    """`dvc.<stage>.<out>` = its hash in dvc.lock, for the stages that stand before `before` in dvc.yaml.

    What the lock says of the others belongs to an earlier run: DVC writes a stage's hashes once it has ended.
    """
    lock, pipeline = folder / "dvc.lock", folder / "dvc.yaml"
    if not lock.exists() or not pipeline.exists():
        return {}
    order = list(yaml.safe_load(pipeline.read_text(encoding="utf-8"))["stages"])
    earlier = order[: order.index(before)] if before in order else order
    locked = yaml.safe_load(lock.read_text(encoding="utf-8")).get("stages", {})
    return {
        f"dvc.{stage}.{out['path']}": out["md5"]
        for stage in earlier
        for out in locked.get(stage, {}).get("outs", [])
        if "md5" in out
    }


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping with dotted names: {"a": {"b": 1}} -> {"a.b": 1}."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return result


def _git(folder: Path, *arguments: str) -> str:
    """What git prints; empty where there is no git or no repository."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
