"""How near the scenes' rule of fusion comes to the exact answer. Facts of the stage `fusion`:

cases   scenes whose background is rendered, so that input and truth can be simulated as one light
rows    {row: {measure: {mean, spread}}} over the cases; the rows are `floor` (two exact inputs), the rules, and others
"""

from unflare.reporting.checks.verdict import Status, Verdict
from unflare.reporting.records import Records, stage_file

APART = 0.1  # of the count of events
SHARE = 0.9  # of the correlation that two exact inputs have


def fusion_is_close_to_exact(records: Records) -> Verdict:
    """Counts of the rule that the scenes are made with, the background's light known: how many events, and where."""
    rule = records.params("scenes", "rule")
    ratio = _mean(records, rule, "ratio", 0, 1e6)
    correlation, floor = (_mean(records, row, "correlation", -1, 1) for row in (rule, "floor"))
    cases = round(records.number(stage_file("fusion"), "facts", "cases", low=1))
    close: Status = "verified" if abs(ratio - 1) <= APART and correlation >= SHARE * floor else "warning"
    return close, {"rule": rule, "ratio": ratio, "correlation": correlation, "floor": floor, "cases": cases}


def _mean(records: Records, row: str, measure: str, low: float, high: float) -> float:
    return records.number(stage_file("fusion"), "facts", "rows", row, measure, "mean", low=low, high=high)
