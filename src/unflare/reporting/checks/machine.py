"""What it ran on, and whether others have been there before."""

from unflare.reporting.checks.verdict import Verdict, listed
from unflare.reporting.records import Records, stage_file

PROVEN = {"batch": 2, "window": 4096}  # the largest settings that long runs have shown to be safe


def gpu_used_when_there(records: Records) -> Verdict:
    there = records.at(stage_file("train"), "machine", "device")
    used = str(records.training("device"))
    idle = there != "none" and not used.startswith("cuda")
    if there == "none" and used.startswith("cuda"):
        return "problem", {"there": there, "used": used}
    return "warning" if idle else "verified", {"there": there, "used": used}


def proven_range(records: Records) -> Verdict:
    found = {key: records.number("params.yaml", "training", key, low=1) for key in PROVEN}
    beyond = {key: round(value) for key, value in found.items() if value > PROVEN[key]}
    values = {"proven": listed(PROVEN, "{}"), "beyond": listed(beyond, "{}")}
    return "warning" if beyond else "verified", values
