"""The validation report: its sections, from the records, the findings and the figures of a run."""

from collections.abc import Iterator
from pathlib import Path

from unflare.reporting import tables
from unflare.reporting.comparison import flat
from unflare.reporting.document import Block, Document, Figure, Heading, Text
from unflare.reporting.phrases import Phrases
from unflare.reporting.records import Missing, Records
from unflare.reporting.summary import STATUSES, Material, Section, check_list, headline, or_missing, summary


def report(material: Material, say: Phrases, folder: Path) -> Document:
    """The report in the language of `say`, to be written into `folder`. A section without its records says so."""
    blocks: list[Block] = []
    for name, section in SECTIONS.items():
        if section is not headline:
            blocks.append(Heading(say("sections", name), anchor=name))
        blocks.extend(or_missing(section, material, say))
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


def pictures(material: Material, say: Phrases) -> list[Block]:
    threshold = material.records.number("reports/evaluation/metrics.json", "threshold")
    if not material.pictures:
        raise Missing("reports/evaluation/examples.npz")
    return [
        Figure(path, say("pictures", "caption", title=title, threshold=threshold)) for path, title in material.pictures
    ]


def results(material: Material, say: Phrases) -> Iterator[Block]:
    yield Text(say("results", "intro"))
    yield tables.score_table(material.records, say, "test")
    yield tables.scenario_table(material.records, say)
    yield from _figure(material, say, "precision_recall", "results", "curves")
    yield tables.score_table(material.records, say, "validation")


def checks(material: Material, say: Phrases) -> list[Block]:
    return [Text(say("checks", "intro")), *check_list(material, say, {"verified"})]


def problems(material: Material, say: Phrases) -> list[Block]:
    return [Text(say("checks", "problems")), *check_list(material, say, {"problem", "warning", "not_run"})]


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
    return [Text(say("configuration", "intro")), tables.pair_table(header, flat(material.records.params()))]


def provenance(material: Material, say: Phrases) -> Iterator[Block]:
    records = material.records
    yield Text(say("provenance", "intro"))
    items = dict(records.at("models/run.json"))
    if "git.commit" in items:
        yield Text(say("provenance", "again", commit=items["git.commit"]))
    items |= flat({"machine": records.at("reports/stages/train.json", "machine")})
    if records.has("dvc.lock"):
        stages = records.at("dvc.lock", "stages")
        items |= {
            f"{out['path']}": out["md5"] for stage in stages.values() for out in stage.get("outs", []) if "md5" in out
        }
    yield tables.pair_table([say("provenance", name) for name in ("item", "value")], items)


SECTIONS: dict[str, Section] = {
    section.__name__: section
    for section in (
        headline,
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


def _figure(material: Material, say: Phrases, name: str, group: str, caption: str) -> list[Block]:
    if name not in material.figures:
        raise Missing(f"reports/figures/{name}.svg")
    return [Figure(material.figures[name], say(group, caption))]


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
