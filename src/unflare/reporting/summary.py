"""What a run came to: headline numbers, a verdict, a few sentences, and the checks in words."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unflare.reporting.document import Block, Check, Checks, Conclusion, Document, Text, Tiles, to_markdown
from unflare.reporting.findings import Finding
from unflare.reporting.phrases import Phrases
from unflare.reporting.records import NO_RIVALS, Impossible, Missing, Records, finite, need, stage_file
from unflare.reporting.tables import SHARES, score_text

HEADLINES = ("f1", "roc_auc", "background_kept", "flare_removed")
STATUSES = ("problem", "warning", "not_run", "verified")


@dataclass(frozen=True)
class Material:
    """What a report is made of; `figures` by name, `pictures` of events with their titles."""

    records: Records
    findings: Sequence[Finding]
    figures: Mapping[str, Path]
    pictures: Sequence[tuple[Path, str]]


Section = Callable[[Material, Phrases], Iterable[Block]]


def describe(records: Records, findings: Sequence[Finding]) -> str:
    """The report's first page as Markdown, for the head of a run's page."""
    material = Material(records, findings, {}, [])
    say = Phrases("en")
    tally = ", ".join(f"{sum(f.status == s for f in findings)} {say('status', s)}" for s in STATUSES)
    blocks = [
        *conclusion(material, say),
        *or_missing(headline, material, say),
        *summary(material, say),
        Text(tally),
        *check_list(material, say, {"problem", "warning"}),
    ]
    return to_markdown(Document("en", say("page", "title"), say("page", "subtitle"), Path(), blocks))


def headline(material: Material, say: Phrases) -> list[Block]:
    """Our scores on the test scenes, each against the best of the methods that could win it."""
    methods = material.records.scores("test")
    if "unflare" not in methods:
        raise Missing("reports/evaluation/metrics.json: splits.test.unflare")
    tiles = []
    for score in HEADLINES:
        value = methods["unflare"].get(score)
        rivals = [] if score in SHARES else _rivals(methods, score)
        remark = say("tiles", score + "_means") if score in SHARES else say("tiles", "alone")
        if rivals:
            best, name = max(rivals)
            remark = say("tiles", "best_rival", rival=say.word("methods", name), value=f"{best:.3f}")
        tiles.append((say("tiles", score), score_text(score, value), remark))
    return [Tiles(tiles)]


def conclusion(material: Material, say: Phrases) -> list[Block]:
    """Whether the run is to be trusted, by its findings alone; what stands against it is named."""
    concerns = [finding for finding in material.findings if finding.concerns]
    problems = [finding for finding in concerns if finding.status == "problem"]
    verified = sum(finding.status == "verified" for finding in material.findings)
    status = "problem" if problems else "warning" if concerns else "verified"
    quoted = (say("conclusion", "quoted", title=say("findings", finding.name)) for finding in problems or concerns)
    text = say("conclusion", status, named=say("conclusion", "and").join(quoted), verified=verified)
    return [Conclusion(status, text)]


def summary(material: Material, say: Phrases) -> list[Block]:
    blocks: list[Block] = []
    for sentence in (_trained, _ahead, _shipped, _pipeline, _data):
        try:
            blocks.append(Text(sentence(material.records, say)))
        except Missing as missing:
            blocks.append(_no_record(missing, say))
    return blocks


def check_list(material: Material, say: Phrases, statuses: set[str]) -> list[Block]:
    found = sorted((f for f in material.findings if f.status in statuses), key=lambda f: STATUSES.index(f.status))
    return [Checks([check(finding, say) for finding in found])] if found else [Text(say("checks", "none"))]


def check(finding: Finding, say: Phrases) -> Check:
    title, word = say("findings", finding.name), say("status", finding.status)
    return Check(finding.status, word, title, evidence(finding, say), finding.name)


def evidence(finding: Finding, say: Phrases) -> str:
    """The sentence with the numbers that the check looked at."""
    for kind in ("missing", "impossible"):
        if kind in finding.values:
            return say("evidence", kind, **finding.values)
    if "reason" in finding.values:
        return say("reasons", finding.values["reason"], **finding.values)
    words = {"kind": "kinds", "source": "sources"}
    values = {key: say.word(words[key], value) if key in words else value for key, value in finding.values.items()}
    remark = say.optional("remarks", f"{finding.name}_{finding.status}")
    return say.joined(filter(None, (say("evidence", finding.name, **values), remark)))


def or_missing(section: Section, material: Material, say: Phrases) -> Iterator[Block]:
    """The blocks of a section, as far as there are records for them, and which record is missing."""
    try:
        yield from section(material, say)
    except Missing as missing:
        yield _no_record(missing, say)


def duration(seconds: float, say: Phrases) -> str:
    """12.3 s, 4 min 05 s, 2 h 07 min."""
    if seconds < 59.95:
        return say("duration", "seconds", seconds=seconds)
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return say("duration", "minutes", minutes=minutes, seconds=rest)
    return say("duration", "hours", hours=minutes // 60, minutes=minutes % 60)


def _no_record(missing: Missing, say: Phrases) -> Text:
    if isinstance(missing, Impossible):
        return Text(say("evidence", "impossible", impossible=missing))
    return Text(say("page", "no_record", missing=missing))


def _rivals(methods: Mapping[str, Mapping[str, float | None]], score: str) -> list[tuple[float, str]]:
    values = ((row.get(score), name) for name, row in methods.items() if name not in NO_RIVALS)
    return [(value, name) for value, name in values if value is not None]


def _trained(records: Records, say: Phrases) -> str:
    return say(
        "summary",
        "trained",
        parameters=records.training("parameters"),
        layers=records.params("network", "layers"),
        steps=records.training("steps"),
        events=records.training("events_seen"),
        scenes=records.facts("synthesize", "scenes", "train"),
        time=duration(records.trained("seconds", "total"), say),
        device=records.training("device"),
    )


def _ahead(records: Records, say: Phrases) -> str:
    methods = records.scores("test")
    rivals = _rivals(methods, "f1")
    if "unflare" not in methods or not rivals:
        raise Missing("reports/evaluation/metrics.json: splits.test with unflare and a rival")
    (best, name), ours = max(rivals), methods["unflare"]
    rival = say.word("methods", name)
    return say(
        "summary", "ahead", events=ours["events"], f1=ours["f1"], auc=ours["roc_auc"], rival=rival, rival_f1=best
    )


def _shipped(records: Records, say: Phrases) -> str:
    row = need(records.scores("test"), "reports/evaluation/metrics.json: splits.test", "shipped")
    values = {
        name: finite(need(row, "test.shipped", name), f"test.shipped: {name}")
        for name in ("f1", "roc_auc", "background_kept")
    }
    return say("summary", "shipped", **values)


def _pipeline(records: Records, say: Phrases) -> str:
    seconds = {name: records.number(stage_file(name), "seconds", low=0) for name in records.stages()}
    if not seconds:
        raise Missing("reports/stages")
    longest = max(seconds, key=lambda name: seconds[name])
    total, stage_time = duration(sum(seconds.values()), say), duration(seconds[longest], say)
    return say("summary", "pipeline", time=total, stage=f"`{longest}`", stage_time=stage_time)


def _data(records: Records, say: Phrases) -> str:
    return say("summary", records.facts("prepare", "data_kind"), root=records.params("data", "root"))
