"""Tables of the report."""

from collections.abc import Mapping, Sequence
from typing import Any

from unflare.reporting.document import Cell, Table
from unflare.reporting.phrases import Phrases
from unflare.reporting.records import STAGES, Missing, Records

SCORES = ("precision", "recall", "f1", "roc_auc", "average_precision", "background_kept", "flare_removed", "threshold")
SCENARIOS = {  # what a scenario can show
    "mixed": ("f1", "roc_auc", "background_kept", "flare_removed"),
    "flare_only": ("flare_removed",),
    "background_only": ("background_kept",),
}
SHARES = {"background_kept", "flare_removed"}
SCANNED = {"forward", "backward"}  # components whose implementation is that of the scan
GIB = 2**30


def ranked(methods: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    """Names of methods by F1, ours first and those that know the answer last."""
    return sorted(methods, key=lambda name: (name != "unflare", name == "oracle", -(methods[name].get("f1") or 0.0)))


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


def stage_table(records: Records, phrases: Phrases) -> Table:
    stages = [(name, records.at(f"reports/stages/{name}.json")) for name in STAGES if _ran(records, name)]
    total = sum(stage["seconds"] for _, stage in stages)
    rows = [
        _timed(f"`{name}`", stage["seconds"], total, _implementations(stage["implementations"]))
        for name, stage in stages
    ]
    rows.append([Cell(phrases("time", "total"), strong=True), Cell(f"{total:.2f}"), Cell("100.0%"), Cell("")])
    return _time_table(phrases, "stage", "stages", rows)


def component_table(records: Records, phrases: Phrases) -> Table:
    """The training, by component; what no component covers is its last row but one."""
    seconds = dict(records.training("seconds"))
    total, rest = seconds.pop("total"), seconds.pop("rest")
    train = records.at("reports/stages/train.json", "implementations")
    scan = ", ".join(str(records.training(key)) for key in ("scan", "device"))
    rows = [
        _timed(f"`{name}`", value, total, train.get(name, scan if name in SCANNED else ""))
        for name, value in sorted(seconds.items(), key=lambda item: -item[1])
    ]
    rows.append(_timed(phrases("time", "rest"), rest, total, ""))
    rows.append([Cell(phrases("time", "total"), strong=True), Cell(f"{total:.2f}"), Cell("100.0%"), Cell("")])
    return _time_table(phrases, "component", "components", rows)


def part_table(records: Records, phrases: Phrases) -> Table:
    """Parts of the stages that take a hundredth of the stage or more, and what no part covers."""
    rows = []
    for name in (name for name in STAGES if name != "train" and _ran(records, name)):
        stage = records.at(f"reports/stages/{name}.json")
        parts = {part: seconds for part, seconds in stage["parts"].items() if part != "rest"}
        rest = stage["seconds"] - sum(parts.values())
        for part, seconds in sorted(parts.items(), key=lambda item: -item[1]):
            if seconds >= 0.01 * stage["seconds"]:
                rows.append(
                    _timed(f"`{name}` {part}", seconds, stage["seconds"], stage["implementations"].get(part, ""))
                )
        rows.append(_timed(f"`{name}` {phrases('time', 'rest')}", rest, stage["seconds"], ""))
    return _time_table(phrases, "part", "parts", rows)


def phase_table(records: Records, phrases: Phrases) -> Table:
    """Resident memory in the phases of the training; growth is from the end of one phase to the end of the next."""
    rows = []
    before = None
    for phase, samples in _phases(records).items():
        growth = "–" if before is None else f"{(samples[-1] - before) / GIB:+.3f} GiB"
        before = samples[-1]
        start, peak = f"{samples[0] / GIB:.3f} GiB", f"{max(samples) / GIB:.3f} GiB"
        rows.append([Cell(text) for text in (phase, start, peak, growth, str(len(samples)))])
    header = [phrases("memory", name) for name in ("phase", "start", "peak", "growth", "samples")]
    return Table(header, rows, caption=phrases("memory", "by_phase"))


def stage_memory_table(records: Records, phrases: Phrases) -> Table:
    peaks = {
        name: max(sample["rss"] for sample in records.at(f"reports/stages/{name}.json", "memory"))
        for name in STAGES
        if _ran(records, name)
    }
    highest = max(peaks.values(), default=1)
    rows = [[Cell(f"`{name}`"), Cell(f"{peak / GIB:.2f} GiB", share=peak / highest)] for name, peak in peaks.items()]
    return Table([phrases("time", "stage"), phrases("memory", "peak")], rows, caption=phrases("memory", "by_stage"))


def pair_table(header: Sequence[str], pairs: Mapping[str, Any]) -> Table:
    return Table(header, [[Cell(f"`{name}`"), Cell(str(value))] for name, value in pairs.items()], words=(1,))


def _time_table(phrases: Phrases, first: str, caption: str, rows: Sequence[Sequence[Cell]]) -> Table:
    header = [phrases("time", name) for name in (first, "seconds", "share", "implementation")]
    return Table(header, rows, words=(3,), caption=phrases("time", caption))


def _timed(name: str, seconds: float, total: float, implementation: str) -> list[Cell]:
    share = min(1.0, max(0.0, seconds / total))
    return [Cell(name), Cell(f"{seconds:.2f}"), Cell(f"{seconds / total:.1%}", share=share), Cell(implementation)]


def score_text(score: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1%}" if score in SHARES else f"{value:.3f}"


def _implementations(names: Mapping[str, str]) -> str:
    return "; ".join(f"{part}: {name}" for part, name in names.items())


def _phases(records: Records) -> dict[str, list[float]]:
    """Resident bytes by phase, in the order in which the phases first appear."""
    file = "reports/training/memory.csv"
    names = [row["phase"] for row in records.at(file)]
    phases: dict[str, list[float]] = {}
    for name, rss in zip(names, records.column(file, "rss_bytes"), strict=True):
        phases.setdefault(name, []).append(rss or 0.0)
    return phases


def _ran(records: Records, stage: str) -> bool:
    return records.has(f"reports/stages/{stage}.json", "seconds")
