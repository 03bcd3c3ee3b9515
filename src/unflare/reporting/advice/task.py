"""What the curves and scores say of the experiment itself."""

from typing import Any

from unflare.reporting.records import Missing, Records, finite, need

STEPS = "reports/training/steps.csv"


def longer(records: Records) -> tuple[bool, dict[str, Any]]:
    """The best checkpoint is the last, and the last validation still gained more than a hundredth."""
    step, steps = round(records.trained("best", "step")), round(records.trained("steps", low=1))
    known = [value for value in records.column(STEPS, "validation_loss") if value is not None]
    if len(known) < 2:
        raise Missing(f"{STEPS}: two validations")
    gain = 1 - finite(known[-1], STEPS) / finite(known[-2], STEPS, 1e-12)
    return step == steps and gain > 0.01, {"step": step, "steps": steps, "gain": gain}


def shorter(records: Records) -> tuple[bool, dict[str, Any]]:
    """The best checkpoint lies in the first half."""
    step, steps = round(records.trained("best", "step")), round(records.trained("steps", low=1))
    return step < steps / 2, {"step": step, "steps": steps, "share": step / steps}


def sequences(records: Records) -> tuple[bool, dict[str, Any]]:
    """Test and validation score differently: too few sequences for either to stand for all."""
    splits = ("test", "validation")
    rows = {split: need(records.scores(split), split, "unflare") for split in splits}
    test, validation = (finite(need(rows[split], split, "f1"), f"{split}: f1", 0, 1) for split in splits)
    index = records.at("data/index.json", "sequences")
    counts = {f"{split}_count": len(index.get(split, [])) for split in splits}
    gap = abs(test - validation)
    return gap >= 0.05, {"gap": gap, "test": test, "validation": validation, **counts}


def real_data(records: Records) -> tuple[bool, dict[str, Any]]:
    """The data are the embedded sample."""
    index = records.at("data/index.json", "sequences")
    count = sum(len(items) for items in index.values())
    return records.facts("prepare", "data_kind") == "embedded", {"root": records.params("data", "root"), "count": count}
