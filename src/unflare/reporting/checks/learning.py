"""How the training went."""

import math

from unflare.reporting.checks.verdict import NotApplicable, Verdict, either, graded
from unflare.reporting.records import Impossible, Records

STEPS = "reports/training/steps.csv"
TRAINING = "reports/training/metrics.json"
UNKNOWN = {None, "", "unknown"}


def every_step_is_finite(records: Records) -> Verdict:
    """Each step that was asked for is there once, in order, with a finite loss and gradient."""
    wanted = round(records.number("params.yaml", "training", "steps", low=1))
    steps, losses, norms = (records.column(STEPS, name) for name in ("step", "loss", "gradient_norm"))
    finite = sum(1 for pair in zip(losses, norms, strict=True) if all(v is not None and math.isfinite(v) for v in pair))
    whole = steps == list(range(1, wanted + 1))
    return either(whole and finite == wanted), {"finite": finite, "rows": len(steps), "wanted": wanted}


def trained_in_one_go(records: Records) -> Verdict:
    """Without a stop, or resumed after each one from its checkpoint for a reason that is known."""
    stops = records.training("interruptions")
    steps = records.trained("steps")
    known = all(stop.get("reason") not in UNKNOWN and 0 <= stop.get("step", -1) <= steps for stop in stops)
    said = ", ".join(f"{stop.get('step', '?')} ({stop.get('reason') or '?'})" for stop in stops) or "–"
    return "verified" if known else "warning", {"count": len(stops), "stops": said}


def precision_costs_nothing(records: Records) -> Verdict:
    """The validation loss in the precision that was trained in, against float32, of the same weights."""
    said, asked = str(records.training("parity", "precision")), str(records.params("training", "precision"))
    if said != asked:
        raise Impossible(f"{TRAINING}: parity.precision: {said}, where {asked} was asked for")
    if asked == "float32" and "loss" not in records.training("parity"):
        raise NotApplicable("float32")
    loss, exact = (records.trained("parity", name, low=1e-12) for name in ("loss", "float32"))
    apart = abs(loss / exact - 1)
    return graded(apart, 0.01, 0.05), {"precision": said, "loss": loss, "float32": exact, "apart": apart}


def loss_went_down(records: Records) -> Verdict:
    first, last = records.trained("train_loss_first"), records.trained("train_loss_last")
    return graded(last, 0.9 * first, first), {"first": first, "last": last}


def validation_close_to_training(records: Records) -> Verdict:
    training, validation = records.trained("train_loss_last", low=1e-12), records.trained("best", "loss")
    ratio = validation / training
    return graded(ratio, 1.5, 2.5), {"training": training, "validation": validation, "ratio": ratio}
