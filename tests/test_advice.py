"""Advice appears where a measurement calls for it, names its figure, and is silent about a sound run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_up import STEPS, edit, use_device, write_results
from test_findings import PREPARE, SCORES, STAGE, SYNTHESIZE, TRAINING, facts, inside, parts, score, top

from unflare.reporting.advice import RULES, advise
from unflare.reporting.findings import judge
from unflare.reporting.pages import report
from unflare.reporting.phrases import LANGUAGES, Phrases
from unflare.reporting.records import Records
from unflare.reporting.summary import Material

FEATURIZE = STAGE.format("featurize")


def due(root: Path) -> dict[str, dict[str, Any]]:
    return {advice.name: dict(advice.values) for advice in advise(Records(root)) if advice.due}


def last_validations(steps: str) -> Callable[[Path], None]:
    def plant(root: Path) -> None:
        edit(root / TRAINING, inside("best", step=STEPS))
        path = root / "reports/training/steps.csv"
        header, *lines = path.read_text().splitlines()
        column = header.split(",").index("validation_loss")
        rows = [line.split(",") for line in lines]
        rows[-1][column] = steps
        path.write_text("\n".join([header, *map(",".join, rows)]))

    return plant


def at(file: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    return lambda root: edit(root / file, change)


def rates(**by_batch: float) -> Callable[[Any], None]:
    return top(scaling=[{"batch": int(b[1:]), "events_per_second": rate} for b, rate in by_batch.items()])


def on_a_device_that_waits(root: Path) -> None:
    use_device(root)
    edit(root / TRAINING, rates(b2=1000, b4=1100, b8=1900))


# rule, what calls for it, and a figure that its sentence must then hold
PLANTED: list[tuple[str, Callable[[Path], None], str]] = [
    ("loaders", at(TRAINING, inside("seconds", reading=60.0)), "31.6%"),
    ("features", at(FEATURIZE, lambda stage: [top(seconds=900.0)(stage), parts(features=890.0)(stage)]), "64.2%"),
    ("workers", at(SYNTHESIZE, inside("workers", seconds={"simulation": 60.0})), "25.0%"),
    ("batch", at(TRAINING, rates(b2=1000, b4=1700, b8=9000)), "1.70"),
    ("device", on_a_device_that_waits, "1.73"),
    ("headroom", at(TRAINING, inside("guard", largest_batch=64)), "64"),
    ("tracking", at(TRAINING, inside("seconds", tracking=4.0)), "2.11%"),
    ("unaccounted", at(PREPARE, parts(validation=2.0)), "36.0%"),
    ("validation", at(TRAINING, inside("seconds", validation=50.0)), "26.3%"),
    ("longer", last_validations("0.1"), "200"),
    ("shorter", at(TRAINING, inside("best", step=60)), "30%"),
    ("sequences", at(SCORES, score("validation", "unflare", f1=0.85)), "0.080"),
    ("real_data", lambda root: None, "10"),
]


def test_a_sound_run_on_the_embedded_data_is_told_to_bring_real_ones_and_nothing_else(tmp_path: Path) -> None:
    assert set(due(write_results(tmp_path))) == {"real_data"}


@pytest.mark.parametrize(("name", "plant", "figure"), PLANTED)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_measurement_calls_for_its_advice(
    tmp_path: Path, name: str, plant: Callable[[Path], None], figure: str, language: str
) -> None:
    plant(write_results(tmp_path))
    found = due(tmp_path)
    assert name in found
    assert figure in Phrases(language)("because", name, **found[name])


def test_every_rule_has_a_measurement_that_calls_for_it() -> None:
    assert [name for name, *_ in PLANTED] == [rule.__name__ for rule in RULES]


def test_a_batch_that_does_not_fit_is_not_advised(tmp_path: Path) -> None:
    """Eight is fastest, but the guard lets six through at most."""
    edit(write_results(tmp_path) / TRAINING, rates(b2=1000, b4=1100, b8=9000))
    assert "batch" not in due(tmp_path)


def test_the_number_of_loaders_keeps_up_with_the_training(tmp_path: Path) -> None:
    """Batches take 60 s and the rest of the training 130 s: one loader has time enough."""
    edit(write_results(tmp_path) / TRAINING, inside("seconds", reading=60.0))
    assert due(tmp_path)["loaders"]["loaders"] == 1
    edit(tmp_path / TRAINING, inside("seconds", reading=150.0))
    assert due(tmp_path)["loaders"]["loaders"] == 2  # the cores of the machine, though four would keep up


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_nothing_is_to_be_advised_the_figures_say_so(tmp_path: Path, language: str) -> None:
    edit(write_results(tmp_path) / PREPARE, facts(data_kind="real"))
    say = Phrases(language)
    records = Records(tmp_path)
    text = "\n".join(map(str, report(Material(records, judge(records), {}, []), say, tmp_path).blocks))
    assert say("advised", "none") in text
    for figure in ("5.0%", "88%", "1.08", "0.30%", "1.5%", "6.0%"):
        assert figure in text


def test_without_records_there_is_no_advice(tmp_path: Path) -> None:
    assert not advise(Records(tmp_path))
