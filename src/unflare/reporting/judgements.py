"""The sections on what the checks found, what the measurements advise, and which faults of the past are guarded."""

from collections.abc import Iterator

from unflare.reporting.advice import Advice, advise
from unflare.reporting.document import Block, Cell, Check, Checks, Table, Text
from unflare.reporting.phrases import Phrases
from unflare.reporting.summary import Material, check_list

# Faults of the report that this one replaces, and the check that would have shown each.
PAST = {
    "stand_in_network": "state_space_backend",
    "number_for_proof": "parameter_count",
    "other_network": "same_scan_everywhere",
    "fallback_simulator": "simulator_ran_for_every_scene",
    "replaced_sample": "no_empty_scene",
    "polarity_leak": "polarity_does_not_give_label",
    "one_class": "labels_have_both_classes",
    "same_splits": "splits_disjoint",
    "no_rival": "beats_baselines",
    "toy_events": "embedded_or_real_data",
    "zero_percent": "timing_covers_wall",
    "copied_figures": "records_of_this_run",
    "memory_by_hand": "memory_inside_limit",
    "unproven_batch": "proven_range",
}


def problems(material: Material, say: Phrases) -> list[Block]:
    return [Text(say("checks", "problems")), *check_list(material, say, {"problem", "warning", "not_run"})]


def advice(material: Material, say: Phrases) -> Iterator[Block]:
    """What is due, and the figures of what was looked at and left alone."""
    found = advise(material.records)
    due = [_advice(item, say) for item in found if item.due]
    yield Checks(due) if due else Text(say("advised", "none"))
    left = [say("looked", item.name, **item.values) for item in found if not item.due]
    if left:
        yield Text(say("advised", "looked", figures=say("advised", "and").join(left)))


def checks(material: Material, say: Phrases) -> list[Block]:
    return [Text(say("checks", "intro")), *check_list(material, say, {"verified"})]


def guarded(material: Material, say: Phrases) -> list[Block]:
    """Faults of the past, the check against each, and what that check says of this run."""
    status = {finding.name: finding.status for finding in material.findings}
    rows = [
        [Cell(say("past", fault)), Cell(say("findings", name)), Cell(say("status", status[name]), status=status[name])]
        for fault, name in PAST.items()
    ]
    header = [say("guarded", name) for name in ("fault", "check", "status")]
    return [Text(say("guarded", "intro")), Table(header, rows, words=(1, 2))]


def _advice(item: Advice, say: Phrases) -> Check:
    title, because = say("advice", item.name, **item.values), say("because", item.name, **item.values)
    return Check("advice", say("status", "advice"), title, because, item.name)
