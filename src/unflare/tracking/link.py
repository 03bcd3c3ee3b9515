"""What ties a run to the state of the files: git's revision and the hashes in dvc.lock."""

import hashlib
import json
import os
import subprocess
from pathlib import Path

import yaml

CODE = ("src", "stages", "params.yaml", "dvc.yaml")  # what decides a result; reports and dvc.lock change as stages run


def revision_tags(folder: Path) -> dict[str, str]:
    """git.revision, git.commit, git.dirty and dvc.experiment, as far as there are any."""
    tags = {}
    commit = git(folder, "rev-parse", "HEAD").decode().strip()
    if commit:
        dirty = bool(git(folder, "status", "--porcelain", "--untracked-files=no", "--", *CODE))
        short = git(folder, "rev-parse", "--short", "HEAD").decode().strip()
        tags = {"git.commit": commit, "git.revision": f"{short}{'+dirty' if dirty else ''}", "git.dirty": str(dirty)}
    experiment = os.environ.get("DVC_EXP_NAME")
    return tags | ({"dvc.experiment": experiment} if experiment else {})


def lock_tags(folder: Path, before: str) -> dict[str, str]:
    """`dvc.<stage>.<out>` = its hash in dvc.lock, for the stages that stand before `before` in dvc.yaml.

    `dvc.lock` = one hash over all that the lock says of these stages: commands, parameters, dependencies and outs.
    What it says of the others belongs to an earlier run: DVC writes a stage's hashes once it has ended.
    """
    lock, pipeline = folder / "dvc.lock", folder / "dvc.yaml"
    if not lock.exists() or not pipeline.exists():
        return {}
    order = list(yaml.safe_load(pipeline.read_text(encoding="utf-8"))["stages"])
    earlier = order[: order.index(before)] if before in order else order
    locked = yaml.safe_load(lock.read_text(encoding="utf-8")).get("stages", {})
    stages = {stage: locked[stage] for stage in earlier if stage in locked}
    outs = ((stage, out) for stage, content in stages.items() for out in content.get("outs", []) if "md5" in out)
    tags = {f"dvc.{stage}.{out['path']}": out["md5"] for stage, out in outs}
    return tags | {"dvc.lock": hashlib.md5(json.dumps(stages, sort_keys=True).encode()).hexdigest()}


def git(folder: Path, *arguments: str) -> bytes:
    """What git prints; empty where there is no git or no repository."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return b""
    return done.stdout if done.returncode == 0 else b""
