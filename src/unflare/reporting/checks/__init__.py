"""The checks of a run: each a function of its records, with the numbers it looked at. Its name is the finding's.

A check says `verified`, `warning` or `problem`; it raises Missing where a record that it needs is not there, and
NotApplicable where there is nothing to look at. Where two records say the same thing, the worse one counts.
"""

from collections.abc import Callable

from unflare.reporting.checks import data, fusion, learning, machine, memory, network, origin, scores, timing
from unflare.reporting.checks.verdict import NotApplicable, Status, Verdict
from unflare.reporting.records import Records

__all__ = ["CHECKS", "Check", "NotApplicable", "Status", "Verdict"]

Check = Callable[[Records], Verdict]

CHECKS: tuple[Check, ...] = (
    origin.records_of_this_run,
    network.parameter_count,
    network.state_space_backend,
    network.same_scan_everywhere,
    data.simulator_ran_for_every_scene,
    fusion.fusion_is_close_to_exact,
    data.no_empty_scene,
    data.labels_have_both_classes,
    data.polarity_does_not_give_label,
    data.splits_disjoint,
    learning.every_step_is_finite,
    learning.trained_in_one_go,
    learning.loss_went_down,
    learning.precision_costs_nothing,
    scores.beats_baselines,
    scores.output_closer_than_input,
    scores.shipped_weights_unseen,
    scores.evaluation_is_sound,
    learning.validation_close_to_training,
    scores.test_close_to_validation,
    timing.timing_covers_wall,
    timing.measuring_is_cheap,
    timing.tracking_is_cheap,
    memory.memory_inside_limit,
    memory.memory_as_predicted,
    memory.memory_steady,
    memory.device_memory_steady,
    machine.gpu_used_when_there,
    data.embedded_or_real_data,
    machine.proven_range,
)
