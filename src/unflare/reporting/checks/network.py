"""What network ran.

Facts of the stage train: reach {back: the farthest distance in events over which an input changed an output in the
probe, ahead: largest change of an output when only later events changed, expected 0, scan_error: largest difference
between the scan that ran and the plain recurrence}.
"""

import math
from collections.abc import Mapping

from unflare.reporting.checks.verdict import Verdict, either
from unflare.reporting.records import Records, stage_file

FAR = 100  # events; a convolution of four taps in four layers reaches 12
SCAN_ERROR = 1e-3


def parameters_of(network: Mapping[str, int]) -> int:
    """Trainable parameters of the configured network: embedding, Mamba-1 layers (Gu and Dao 2023) and head."""
    d, n, inner = network["d_model"], network["d_state"], network["expand"] * network["d_model"]
    rank = math.ceil(d / 16)
    convolution = inner * (network["d_conv"] + 1)
    scan = inner * (rank + 2 * n) + inner * (rank + 1) + inner * n + inner  # x_proj, dt_proj, A_log, D
    return 13 * d + d + network["layers"] * (d * 2 * inner + convolution + scan + inner * d) + d + 1


def parameter_count(records: Records) -> Verdict:
    """As configured. It says nothing of what the parameters do: a stand-in can have the very same number."""
    found, expected = round(records.trained("parameters")), parameters_of(records.params("network"))
    return either(found == expected), {"found": found, "expected": expected}


def state_space_backend(records: Records) -> Verdict:
    """A real, causal state space model: events hundreds back matter, later ones do not, the scan is the recurrence."""
    file = stage_file("train")
    names = ("back", "ahead", "scan_error")
    reach = {name: records.number(file, "facts", "reach", name, low=0) for name in names}
    good = reach["back"] >= FAR and reach["ahead"] == 0 and reach["scan_error"] <= SCAN_ERROR
    return either(good), {"scan": records.training("scan"), **reach, "back": round(reach["back"])}


def same_scan_everywhere(records: Records) -> Verdict:
    """Training and evaluation ran the scan that the training names, on the device that it names.

    An evaluation elsewhere is a warning: its scan has been compared with the recurrence in tests only.
    """
    names = {key: records.training(key) for key in ("scan", "device")}
    ran = {
        stage: {key: records.at(stage_file(stage), "implementations", key) for key in names}
        for stage in ("train", "evaluate")
    }
    values = {f"{stage}_{key}": value for stage, found in ran.items() for key, value in found.items()}
    if ran["train"] != names:
        return "problem", values
    return "verified" if ran["evaluate"] == names else "warning", values
