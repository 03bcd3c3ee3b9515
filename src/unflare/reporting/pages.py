"""The validation report: its sections, from the records, the findings and the figures of a run."""

from collections.abc import Iterator
from pathlib import Path

from unflare.params import flat
from unflare.reporting import tables
from unflare.reporting.differences import previous
from unflare.reporting.document import Block, Document, Figure, Heading, Text
from unflare.reporting.fusion import fusion
from unflare.reporting.judgements import advice, checks, guarded, problems
from unflare.reporting.performance import figure, memory, safety, time
from unflare.reporting.phrases import Phrases
from unflare.reporting.records import STAGES, Missing, Records
from unflare.reporting.streams import streams
from unflare.reporting.summary import (
    STATUSES,
    Material,
    Section,
    conclusion,
    headline,
    or_missing,
    summary,
)


def report(material: Material, say: Phrases, folder: Path) -> Document:
    """The report in the language of `say`, to be written into `folder`. A section without its records says so."""
    blocks: list[Block] = [*conclusion(material, say), *or_missing(headline, material, say)]
    for name, section in SECTIONS.items():
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


def gallery(material: Material, say: Phrases) -> Iterator[Block]:
    """The test scenes themselves."""
    if "gallery" not in material.figures:
        raise Missing("reports/evaluation/gallery.npz")
    yield from figure(material, say, "gallery", "gallery", "caption")


def results(material: Material, say: Phrases) -> Iterator[Block]:
    yield Text(say("results", "intro"))
    yield tables.score_table(material.records, say, "test")
    yield tables.scenario_table(material.records, say)
    yield from figure(material, say, "precision_recall", "results", "curves")
    yield tables.score_table(material.records, say, "validation")


def training(material: Material, say: Phrases) -> Iterator[Block]:
    records = material.records
    first, last = records.training("train_loss_first"), records.training("train_loss_last")
    yield Text(say("training", "best", **records.training("best"), first=first, last=last))
    yield from figure(material, say, "loss", "training", "caption")


def configuration(material: Material, say: Phrases) -> list[Block]:
    header = [say("configuration", name) for name in ("parameter", "value")]
    return [Text(say("configuration", "intro")), tables.pair_table(header, flat(material.records.params()))]


def provenance(material: Material, say: Phrases) -> Iterator[Block]:
    """The command that computes the run again, what it ran on, and the hashes of what it made."""
    records = material.records
    yield Text(say("provenance", "intro"))
    card = dict(records.at("models/run.json"))
    command = card.pop("reproduce", f"git checkout {card['git.commit']} && dvc repro" if "git.commit" in card else "")
    if command:
        yield Text(say("provenance", "again", command=command))
    header = [say("provenance", name) for name in ("item", "value")]
    yield tables.pair_table(header, card | flat({"machine": records.at("reports/stages/train.json", "machine")}))
    made = {
        out["path"]: out["md5"]
        for stage, entry in records.at("dvc.lock", "stages").items()
        for out in entry.get("outs", [])
        if stage in STAGES and "md5" in out  # the lock's report is the one before this
    }
    for name, chosen in (("data", True), ("products", False)):
        files = {path: digest for path, digest in made.items() if path.startswith("data/") is chosen}
        yield tables.pair_table([say("provenance", "file"), "MD5"], files, caption=say("provenance", name))


SECTIONS: dict[str, Section] = {
    "summary": summary,
    "results": results,
    "streams": streams,
    "problems": problems,
    "advice": advice,
    "pictures": pictures,
    "gallery": gallery,
    "fusion": fusion,
    "checks": checks,
    "guarded": guarded,
    "time": time,
    "memory": memory,
    "safety": safety,
    "training": training,
    "previous": previous,
    "configuration": configuration,
    "provenance": provenance,
    "conclusion": conclusion,
}


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
