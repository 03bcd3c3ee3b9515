"""The validation report: its sections, from the records, the findings and the figures of a run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unflare.reporting import tables
from unflare.reporting.document import Block, Check, Checks, Document, Figure, Heading, Text, Tiles
from unflare.reporting.findings import Finding
from unflare.reporting.phrases import Phrases
from unflare.reporting.records import STAGES, Missing, Records

SCENARIOS = ("overall", "mixed", "flare_only", "background_only")
HEADLINES = ("f1", "roc_auc", "background_kept", "flare_removed")
STATUSES = ("problem", "warning", "not_run", "verified")


@dataclass(frozen=True)
class Material:
    """What a report is made of; `figures` by name, `pictures` of events with their titles."""

    records: Records
    findings: Sequence[Finding]
    figures: Mapping[str, Path]
    pictures: Sequence[tuple[Path, str]]


def report(material: Material, say: Phrases, folder: Path) -> Document:
    """The report in the language of `say`, to be written into `folder`. A section without its records says so."""
    blocks: list[Block] = []
    for name, section in SECTIONS.items():
        blocks.append(Heading(say("sections", name), anchor=name))
        try:
            blocks.extend(section(material, say))
        except Missing as missing:
            blocks.append(Text(say("page", "no_record", missing=missing)))
    tally = [(status, sum(finding.status == status for finding in material.findings)) for status in STATUSES]
    return Document(
        language=say.language,
        title=say("page", "title"),
        subtitle=say("page", "subtitle"),
        folder=folder,
        blocks=blocks,
        tally=[(status, say("tally", status, count=count)) for status, count in tally if count],
        facts={say("page", name): value for name, value in _facts(material.records)},
    )


def duration(seconds: float) -> str:
    """12.3 s, 4 min 05 s, 2 h 07 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def summary(material: Material, say: Phrases) -> list[Block]:
    sentences = (_trained, _ahead, _pipeline, _data)
    blocks: list[Block] = []
    for sentence in sentences:
        try:
            blocks.append(Text(sentence(material.records, say)))
        except Missing as missing:
            blocks.append(Text(say("page", "no_record", missing=missing)))
    return [*blocks, headline(material.records, say)]


def headline(records: Records, say: Phrases) -> Tiles:
    """Our scores on the test scenes, each against the best of the methods that could win it."""
    methods = records.scores("test")
    if "unflare" not in methods:
        raise Missing("reports/evaluation/metrics.json: splits.test.unflare")
    tiles = []
    for score in HEADLINES:
        value = methods["unflare"].get(score)
        rivals = [] if score in tables.SHARES else _rivals(methods, score)
        remark = say("tiles", score + "_means") if score in tables.SHARES else say("tiles", "alone")
        if rivals:
            best, name = max(rivals)
            remark = say("tiles", "best_rival", rival=say.word("methods", name), value=f"{best:.3f}")
        tiles.append((say("tiles", score), tables.score_text(score, value), remark))
    return Tiles(tiles)


def pictures(material: Material, say: Phrases) -> list[Block]:
    threshold = material.records.number("reports/evaluation/metrics.json", "threshold")
    if not material.pictures:
        raise Missing("reports/evaluation/examples.npz")
    return [
        Figure(path, say("pictures", "caption", title=title, threshold=threshold)) for path, title in material.pictures
    ]


def results(material: Material, say: Phrases) -> Iterator[Block]:
    yield Text(say("results", "intro"))
    for scenario in SCENARIOS:
        if material.records.scores("test", scenario):
            yield tables.score_table(material.records, say, "test", scenario)
    yield from _figure(material, say, "precision_recall", "results", "curves")
    yield tables.score_table(material.records, say, "validation", "overall")


def checks(material: Material, say: Phrases) -> list[Block]:
    return [Text(say("checks", "intro")), *_checks(material, say, {"verified"})]


def problems(material: Material, say: Phrases) -> list[Block]:
    return [Text(say("checks", "problems")), *_checks(material, say, {"problem", "warning", "not_run"})]


def time(material: Material, say: Phrases) -> Iterator[Block]:
    yield tables.stage_table(material.records, say)
    yield from _figure(material, say, "timing", "time", "caption")
    seconds, rate = material.records.training("seconds"), material.records.training("events_per_second")
    yield tables.component_table(material.records, say)
    yield Text(say("time", "throughput", rate=rate, share=seconds["rest"] / seconds["total"]))
    yield tables.part_table(material.records, say)


def memory(material: Material, say: Phrases) -> Iterator[Block]:
    peaks = material.records.training("memory")
    device = say("memory", "device", peak=peaks["device_peak"] / tables.GIB) if peaks["device_peak"] else ""
    yield Text(say("memory", "peak_all", peak=peaks["rss_peak"] / tables.GIB, device=device))
    yield from _figure(material, say, "memory", "memory", "caption")
    yield tables.phase_table(material.records, say)
    yield tables.stage_memory_table(material.records, say)


def training(material: Material, say: Phrases) -> Iterator[Block]:
    records = material.records
    first, last = records.training("train_loss_first"), records.training("train_loss_last")
    yield Text(say("training", "best", **records.training("best"), first=first, last=last))
    yield from _figure(material, say, "loss", "training", "caption")


def configuration(material: Material, say: Phrases) -> list[Block]:
    header = [say("configuration", name) for name in ("parameter", "value")]
    return [Text(say("configuration", "intro")), tables.pair_table(header, _flat(material.records.params()))]


def provenance(material: Material, say: Phrases) -> Iterator[Block]:
    records = material.records
    yield Text(say("provenance", "intro"))
    items = dict(records.at("models/run.json"))
    if "git.commit" in items:
        yield Text(say("provenance", "again", commit=items["git.commit"]))
    items |= _flat({"machine": records.at("reports/stages/train.json", "machine")})
    if records.has("dvc.lock"):
        stages = records.at("dvc.lock", "stages")
        items |= {
            f"{out['path']}": out["md5"] for stage in stages.values() for out in stage.get("outs", []) if "md5" in out
        }
    yield tables.pair_table([say("provenance", name) for name in ("item", "value")], items)


Section = Callable[[Material, Phrases], "Iterator[Block] | list[Block]"]
SECTIONS: dict[str, Section] = {
    section.__name__: section
    for section in (
        summary,
        pictures,
        results,
        problems,
        checks,
        time,
        memory,
        training,
        configuration,
        provenance,
    )
}


def _checks(material: Material, say: Phrases, statuses: set[str]) -> list[Block]:
    found = sorted((f for f in material.findings if f.status in statuses), key=lambda f: STATUSES.index(f.status))
    lines = [Check(f.status, say("status", f.status), say("findings", f.name), evidence(f, say), f.name) for f in found]
    return [Checks(lines)] if lines else [Text(say("checks", "none"))]


def evidence(finding: Finding, say: Phrases) -> str:
    """The sentence with the numbers that the check looked at."""
    return say("evidence", "not_run" if finding.status == "not_run" else finding.name, **finding.values)


def _figure(material: Material, say: Phrases, name: str, group: str, caption: str) -> list[Block]:
    if name not in material.figures:
        raise Missing(f"reports/figures/{name}.svg")
    return [Figure(material.figures[name], say(group, caption))]


def _trained(records: Records, say: Phrases) -> str:
    return say(
        "summary",
        "trained",
        parameters=records.training("parameters"),
        layers=records.params("network", "layers"),
        steps=records.training("steps"),
        events=records.training("events_seen"),
        scenes=records.facts("synthesize", "scenes", "train"),
        time=duration(records.training("seconds", "total")),
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


def _pipeline(records: Records, say: Phrases) -> str:
    names = [name for name in STAGES if records.has(f"reports/stages/{name}.json", "seconds")]
    if not names:
        raise Missing("reports/stages")
    seconds = {name: records.number(f"reports/stages/{name}.json", "seconds") for name in names}
    longest = max(names, key=lambda name: seconds[name])
    total, stage_time = duration(sum(seconds.values())), duration(seconds[longest])
    return say("summary", "pipeline", time=total, stage=f"`{longest}`", stage_time=stage_time)


def _data(records: Records, say: Phrases) -> str:
    return say("summary", records.facts("prepare", "data_kind"), root=records.params("data", "root"))


def _rivals(methods: Mapping[str, Mapping[str, float | None]], score: str) -> list[tuple[float, str]]:
    """Values of the methods that neither are ours nor know the answer."""
    values = ((row.get(score), name) for name, row in methods.items() if name not in {"unflare", "oracle"})
    return [(value, name) for value, name in values if value is not None]


def _facts(records: Records) -> Iterator[tuple[str, str]]:
    if records.has("models/run.json"):
        card = records.at("models/run.json")
        yield "run", f"{card['name']} `{card['id']}`"
        if "git.revision" in card:
            yield "revision", f"`{card['git.revision']}`"
    if records.has("reports/stages/train.json", "machine"):
        machine = records.at("reports/stages/train.json", "machine")
        yield "machine", f"{machine['processor']}, {machine['cores']} × CPU, GPU: {machine['device']}"
    if records.has("params.yaml"):
        yield "data", f"`{records.params('data', 'root')}`"


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
