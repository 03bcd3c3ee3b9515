"""What the records of a run prove, warn of and disprove. The facts that stages leave for it: see `checks`.

A check says `verified`, `warning` or `problem`. Where a record that it needs is missing it is `not_run`, and the
evidence names the record: what was not looked at is never shown as verified.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from unflare.reporting import checks
from unflare.reporting.checks import Status, Verdict
from unflare.reporting.records import Missing, Records

CHECKS: tuple[Callable[[Records], Verdict], ...] = (
    checks.parameter_count,
    checks.state_space_backend,
    checks.simulator_ran_for_every_scene,
    checks.no_empty_scene,
    checks.labels_have_both_classes,
    checks.polarity_does_not_give_label,
    checks.splits_disjoint,
    checks.every_step_is_finite,
    checks.loss_went_down,
    checks.beats_baselines,
    checks.evaluation_is_sound,
    checks.validation_close_to_training,
    checks.test_close_to_validation,
    checks.timing_covers_wall,
    checks.tracking_is_cheap,
    checks.memory_steady,
    checks.gpu_used_when_there,
    checks.embedded_or_real_data,
    checks.proven_range,
)


@dataclass(frozen=True)
class Finding:
    """`name` is stable; `values` fill the sentence that the phrases have for it."""

    name: str
    status: Status
    values: Mapping[str, Any]


def judge(records: Records) -> list[Finding]:
    """Every check, in the order of CHECKS."""
    findings = []
    for check in CHECKS:
        try:
            findings.append(Finding(check.__name__, *check(records)))
        except Missing as missing:
            findings.append(Finding(check.__name__, "not_run", {"missing": str(missing)}))
    return findings
