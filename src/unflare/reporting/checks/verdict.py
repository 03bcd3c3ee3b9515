"""What a check says."""

from collections.abc import Mapping
from typing import Any, Literal

Status = Literal["verified", "warning", "problem", "not_run"]
Verdict = tuple[Status, dict[str, Any]]  # and the values that fill its sentence


class NotApplicable(Exception):
    """There is nothing that the check could look at; the message names the sentence that says why."""

    def __init__(self, reason: str, **values: object) -> None:
        super().__init__(reason)
        self.values = {"reason": reason, **values}


def either(good: bool) -> Status:  # noqa: FBT001 (the one argument)
    return "verified" if good else "problem"


def graded(value: float, verified: float, warning: float) -> Status:
    """By the limits that the value must stay below."""
    return "verified" if value < verified else "warning" if value < warning else "problem"


def listed(values: Mapping[str, Any], form: str) -> str:
    return ", ".join(f"{name} {form.format(value)}" for name, value in values.items()) or "–"
