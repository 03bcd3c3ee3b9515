"""What the measurements of a run advise to change, each with the figure behind it.

A rule is a function of the records. It says whether its advice is due, and the figures it looked at either way, so that
a report can say what it looked at and left alone. A rule without its records says nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from unflare.reporting.advice import room, speed, task
from unflare.reporting.records import Missing, Records

Rule = Callable[[Records], tuple[bool, dict[str, Any]]]

RULES: tuple[Rule, ...] = (
    speed.loaders,
    speed.features,
    speed.workers,
    room.batch,
    room.device,
    room.headroom,
    speed.tracking,
    speed.unaccounted,
    speed.validation,
    task.longer,
    task.shorter,
    task.sequences,
    task.real_data,
)


@dataclass(frozen=True)
class Advice:
    """`name` is that of the rule; `values` fill its sentences."""

    name: str
    due: bool
    values: Mapping[str, Any]


def advise(records: Records) -> list[Advice]:
    """What each rule found, in the order of RULES; those without their records are left out."""
    found = []
    for rule in RULES:
        try:
            found.append(Advice(rule.__name__, *rule(records)))
        except Missing:
            continue  # advice without a figure is none; the checks name the records that are missing
    return found
