"""Runs beside each other: what differs is shown, what is the same is not, and every number is that of its run."""

import re
from pathlib import Path

import pytest
from made_up import edit, write_results

from unflare.reporting.comparing import UNITS, differing, named, write_comparison
from unflare.reporting.comparison import Snapshot, snapshot
from unflare.reporting.records import Records


def runs(root: Path) -> list[Snapshot]:
    """Three runs: the second with another learning rate and other scores, the third without an evaluation."""
    first = snapshot(Records(write_results(root)))
    edit(root / "params.yaml", lambda params: params["training"].update(learning_rate=1.0e-2))
    edit(root / "models/run.json", lambda card: card.update(name="faster", id="f" * 32))
    scores = root / "reports/evaluation/metrics.json"
    edit(scores, lambda content: content["splits"]["test"]["unflare"]["overall"].update(f1=0.8765))
    second = snapshot(Records(root))
    scores.unlink()
    edit(root / "models/run.json", lambda card: card.update(id="e" * 32))
    return [first, second, snapshot(Records(root))]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return write_comparison(runs(tmp_path / "run"), tmp_path / "compare")


def test_only_parameters_that_differ_are_shown(page: Path) -> None:
    text = page.with_suffix(".md").read_text()
    parameters = text[text.index("## Parameters") : text.index("## Scores")]
    assert re.findall(r"^\| `(.+?)` \| (.+?) \| (.+?) \| (.+?) \|$", parameters, re.MULTILINE) == [
        ("training.learning_rate", "0.003", "0.01", "0.01")
    ]


def test_each_run_has_its_column_and_a_score_that_is_missing_is_none(page: Path) -> None:
    text = page.with_suffix(".md").read_text()
    assert "| name | a1b2c3d | faster ffffff | faster eeeeee |" in text
    assert "| `f1` | 0.9300 | 0.8765 | – |" in text
    assert "| `forward` network, forward | 285.00 | 285.00 | 285.00 |" in text  # milliseconds of a step


def test_methods_have_mean_and_spread_over_the_runs_and_ours_is_counted(page: Path) -> None:
    """Two of the runs have an evaluation; in the second, ours has a lower F1."""
    text = page.with_suffix(".md").read_text()
    table = text[text.index("## Methods over all runs") : text.index("## Scores")]
    assert "Means over 2 runs" in table
    scores, streams, ahead = (
        {cells[1].strip(" *"): cells[2:-1] for line in part.splitlines() if len(cells := line.split("|")) > 2}
        for part in re.split(r"\n\n(?=\| method)", table)[1:]
    )
    assert list(scores) == ["method", "---", "unflare", "shipped weights", "drop everything",
                            "background-activity filter", "keep everything", "oracle"]  # fmt: skip
    assert scores["unflare"][0].strip(" *") == f"{(0.93 + 0.8765) / 2:.3f} ({(0.93 - 0.8765) / 2**0.5:.3f})"
    assert streams["comb filter"][0].strip() == "1.40 (0.00)"
    assert {name: {cell.strip() for cell in cells} for name, cells in ahead.items() if name[0] not in "m-"} == {
        "background-activity filter": {"2/2, 2/2, 2/2"},
        "drop everything": {"2/2, 2/2, 2/2"},
        "keep everything": {"2/2, 2/2, 2/2"},
        "comb filter": {"–, –, 2/2"},
    }


def test_weights_that_were_others_are_not_averaged(tmp_path: Path) -> None:
    earlier = snapshot(Records(write_results(tmp_path)))
    scores = tmp_path / "reports/evaluation/metrics.json"
    edit(scores, lambda content: content["weights"]["shipped"].update(weights="2" * 16))
    edit(scores, lambda content: content["splits"]["test"]["shipped"]["overall"].update(f1=0.5))
    later = snapshot(Records(tmp_path))
    for order, expected in (([earlier, later], "0.500 [1]"), ([later, earlier], "0.929 [1]")):
        text = write_comparison(order, tmp_path / "compare").with_suffix(".md").read_text()
        assert "were not the same in all of these runs" in text
        assert re.search(rf"^\| \**shipped weights\**[ |]*{re.escape(expected)}", text, re.MULTILINE)
    same = write_comparison([later, later], tmp_path / "compare").with_suffix(".md").read_text()
    assert "were not the same" not in same
    assert re.search(r"^\| \**shipped weights\**[ |]*0.500 \(0.000\)", same, re.MULTILINE)


def test_the_page_needs_nothing_but_itself(page: Path) -> None:
    text = page.read_text()
    assert "<svg" in text
    assert "<script" not in text
    assert not re.search(r"https?://|@import|url\((?!#|['\"]?data:)", text)


def test_runs_that_are_the_same_differ_in_nothing(tmp_path: Path) -> None:
    run = snapshot(Records(write_results(tmp_path)))
    assert differing([run, run]) == []
    assert "The runs have the same parameters." in write_comparison([run], tmp_path).with_suffix(".md").read_text()


def test_runs_without_records_are_numbered_and_shown(tmp_path: Path) -> None:
    empty: Snapshot = {section: {} for section in ("run", "params", "methods", *UNITS)}
    assert list(named([empty, empty])) == ["1", "2"]
    assert write_comparison([empty, empty], tmp_path).read_text().count("No run has a record of this.") == 1 + len(
        UNITS
    )


def test_no_run_hides_another(tmp_path: Path) -> None:
    run = snapshot(Records(write_results(tmp_path)))
    assert len(named([run, run, run])) == 3


def test_a_comparison_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected one run or more"):
        write_comparison([], tmp_path)
