"""Do the records belong together?"""

from collections.abc import Iterator, Mapping
from typing import Any

from unflare.reporting.checks.verdict import Verdict, either
from unflare.reporting.records import STAGES, Missing, Records, need, stage_file


def records_of_this_run(records: Records) -> Verdict:
    """Every record is the file that its stage left, made with these parameters from what the stages before it left.

    `dvc.lock` knows: it has the hash of each file that a stage wrote and read, and the parameters it ran with.
    """
    stages = records.at("dvc.lock", "stages")
    locked = {stage: need(stages, "dvc.lock: stages", stage) for stage in STAGES}
    made = {out["path"]: out.get("md5") for stage in locked.values() for out in stage.get("outs", [])}
    kept = [path.as_posix() for path in records.files() if path.as_posix() in made]
    unknown = [stage_file(stage) for stage in STAGES if stage_file(stage) not in kept]
    changed = [file for file in kept if records.digest(file) != made[file]]
    misnamed = [stage_file(stage) for stage in STAGES if records.at(stage_file(stage), "stage") != stage]
    stale = [f"{stage}: {what}" for stage, entry in locked.items() for what in _stale(entry, made, records.params())]
    wrong = sorted({*unknown, *changed, *misnamed, *stale})
    if not kept:
        raise Missing("dvc.lock: outs of the stages")
    return either(not wrong), {"files": len(kept), "wrong": ", ".join(wrong) or "–"}


def _stale(entry: Mapping[str, Any], made: Mapping[str, str], params: Mapping[str, Any]) -> Iterator[str]:
    """What the stage read that is not what the stages before it left, and parameters that are others now."""
    for dependency in entry.get("deps", []):
        if made.get(dependency["path"], dependency.get("md5")) != dependency.get("md5"):
            yield str(dependency["path"])
    for name, value in entry.get("params", {}).get("params.yaml", {}).items():
        if _plain(_at(params, name)) != _plain(value):
            yield str(name)


def _at(params: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 (YAML)
    """The value of a dotted name; None where there is none."""
    value: Any = params
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _plain(value: Any) -> Any:  # noqa: ANN401 (YAML)
    """Numbers as numbers: DVC writes 1e-07, which PyYAML reads as a word."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    try:
        return float(value)
    except (TypeError, ValueError):
        return value
