"""Tables of scores, and of names with their values."""

from collections.abc import Mapping, Sequence
from typing import Any

from unflare.reporting.document import Cell, Table
from unflare.reporting.phrases import Phrases
from unflare.reporting.records import OURS, Missing, Records

SCORES = ("precision", "recall", "f1", "roc_auc", "average_precision", "background_kept", "flare_removed", "threshold",
          "flare_removed_at_95")  # fmt: skip
SCENARIOS = {  # what a scenario can show
    "mixed": ("f1", "roc_auc", "background_kept", "flare_removed"),
    "flare_only": ("flare_removed",),
    "background_only": ("background_kept",),
}
SHARES = {"background_kept", "flare_removed", "flare_removed_at_95"}


def standing(method: str) -> int:
    """Sorts ours first, and what knows the answer last."""
    return OURS.index(method) if method in OURS else len(OURS) + (method == "oracle")


def ranked(methods: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    """Names of methods by F1, and as `standing` has them."""
    return sorted(methods, key=lambda name: (standing(name), -(methods[name].get("f1") or 0.0)))


def score_table(records: Records, phrases: Phrases, split: str) -> Table:
    """Methods over all scenes of a split; scores that none of them has are left out."""
    methods = records.scores(split)
    if not methods:
        raise Missing(f"reports/evaluation/metrics.json: splits.{split}.*.overall")
    scores = [score for score in SCORES if any(row.get(score) is not None for row in methods.values())]

    rows = []
    for name in ranked(methods):
        texts = [phrases.word("methods", name), *(score_text(score, methods[name].get(score)) for score in scores)]
        rows.append([Cell(text, strong=name == "unflare") for text in texts])
    header = [phrases("results", "method"), *(phrases("results", score) for score in scores)]
    return Table(header, rows, caption=phrases("results", split))


def scenario_table(records: Records, phrases: Phrases) -> Table:
    """Methods by scenario of the test scenes, each scenario with the scores that say something of it."""
    tables = {scenario: records.scores("test", scenario) for scenario in SCENARIOS}
    if not any(tables.values()):
        raise Missing("reports/evaluation/metrics.json: splits.test.*.mixed")
    columns = [(scenario, score) for scenario, scores in SCENARIOS.items() for score in scores if tables[scenario]]
    rows = []
    for name in ranked(records.scores("test")):
        texts = [score_text(score, tables[scenario].get(name, {}).get(score)) for scenario, score in columns]
        rows.append([Cell(text, strong=name == "unflare") for text in (phrases.word("methods", name), *texts)])
    words = [f"{phrases('results', score)} · {phrases('results', scenario)}" for scenario, score in columns]
    return Table([phrases("results", "method"), *words], rows, caption=phrases("results", "by_scenario"))


def pair_table(header: Sequence[str], pairs: Mapping[str, Any], caption: str = "") -> Table:
    rows = [[Cell(f"`{name}`"), Cell(str(value))] for name, value in pairs.items()]
    return Table(header, rows, words=(1,), caption=caption)


def score_text(score: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1%}" if score in SHARES else f"{value:.3f}"
