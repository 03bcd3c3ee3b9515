"""What the records of a run prove, warn of and disprove. The facts that stages leave for it: see `checks`.

Where a record that a check needs is missing it is `not_run`, and the evidence names the record: what was not looked at
is never shown as verified. A record that cannot be true is a problem of every check that needs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unflare.reporting.checks import CHECKS, Check, NotApplicable, Status
from unflare.reporting.records import Impossible, Missing, Records


@dataclass(frozen=True)
class Finding:
    """`name` is stable; `values` fill the sentence that the phrases have for it.

    A finding that is not of the check's own making has the one value `missing`, `impossible` or `reason`.
    """

    name: str
    status: Status
    values: Mapping[str, Any]

    @property
    def concerns(self) -> bool:
        """Whether it stands against trusting the run: all but what is verified and what had nothing to look at."""
        return self.status != "verified" and "reason" not in self.values


def judge(records: Records) -> list[Finding]:
    """Every check, in the order of CHECKS."""
    return [_judged(check, records) for check in CHECKS]


def _judged(check: Check, records: Records) -> Finding:
    try:
        return Finding(check.__name__, *check(records))
    except Impossible as impossible:
        return Finding(check.__name__, "problem", {"impossible": str(impossible)})
    except Missing as missing:
        return Finding(check.__name__, "not_run", {"missing": str(missing)})
    except NotApplicable as nothing:
        return Finding(check.__name__, "not_run", nothing.values)
