"""The sections on time and memory."""

from collections.abc import Iterable, Iterator

from unflare.reporting import memory_tables, time_tables
from unflare.reporting.document import Block, Checks, Figure, Text
from unflare.reporting.phrases import Phrases
from unflare.reporting.records import GIB, Missing, stage_file
from unflare.reporting.summary import Material, Section, check, or_missing

MEMORY_CHECKS = ("memory_inside_limit", "memory_as_predicted", "memory_steady", "device_memory_steady")


def time(material: Material, say: Phrases) -> Iterator[Block]:
    """The training by component, what happened beside it, and the stages."""
    yield from each(material, say, _throughput, _timing_figure, _components, _beside, _together, _overhead, _stages)


def memory(material: Material, say: Phrases) -> Iterator[Block]:
    yield from each(material, say, _peaks, _memory_figure, _memory_tables)


def safety(material: Material, say: Phrases) -> Iterator[Block]:
    """The guard, and what became of its prediction."""
    yield from each(material, say, _guard)
    yield Checks([check(finding, say) for finding in material.findings if finding.name in MEMORY_CHECKS])


def each(material: Material, say: Phrases, *sections: Section) -> Iterator[Block]:
    """Sections one after the other, each as far as its own records go."""
    for section in sections:
        yield from or_missing(section, material, say)


def figure(material: Material, say: Phrases, name: str, group: str, caption: str) -> list[Block]:
    if name not in material.figures:
        raise Missing(f"reports/figures/{name}.svg")
    return [Figure(material.figures[name], say(group, caption))]


def _throughput(material: Material, say: Phrases) -> list[Block]:
    records = material.records
    seconds, rate = records.numbers("reports/training/metrics.json", "seconds"), records.trained("events_per_second")
    total = records.trained("seconds", "total", low=1e-9)
    share = 1 - sum(value for part, value in seconds.items() if part not in {"rest", "total"}) / total
    return [Text(say("time", "throughput", rate=rate, share=share))]


def _timing_figure(material: Material, say: Phrases) -> list[Block]:
    return figure(material, say, "timing", "time", "caption")


def _components(material: Material, say: Phrases) -> list[Block]:
    return [time_tables.component_table(material.records, say)]


def _beside(material: Material, say: Phrases) -> list[Block]:
    """What loader processes did while the training waited."""
    records = material.records
    loaders, worked = round(records.trained("loaders")), records.trained("loader_seconds")
    waited, read = (records.trained("seconds", name) for name in ("waiting", "reading"))
    name = "beside" if loaders else "beside_none"
    return [Text(say("time", name, loaders=loaders, worked=worked, waited=waited, read=read))]


def _together(material: Material, say: Phrases) -> list[Block]:
    """The ranks of the training, where there were several."""
    records = material.records
    devices = records.facts("train", "ranks") if records.has(stage_file("train"), "facts", "ranks") else []
    return [Text(say("time", "ranks", count=len(devices), devices=", ".join(devices)))] if len(devices) > 1 else []


def _overhead(material: Material, say: Phrases) -> list[Block]:
    found = next(finding for finding in material.findings if finding.name == "measuring_is_cheap")
    if "share" not in found.values:
        raise Missing("reports/training/metrics.json: overhead")
    return [Text(say("evidence", "measuring_is_cheap", **found.values))]


def _stages(material: Material, say: Phrases) -> list[Block]:
    return [time_tables.stage_table(material.records, say), time_tables.part_table(material.records, say)]


def _peaks(material: Material, say: Phrases) -> list[Block]:
    host, on_device = (material.records.trained("memory", name) for name in ("rss_peak", "device_peak"))
    extra = say("memory", "on_device", peak=on_device / GIB) if on_device else ""
    return [Text(say("memory", "peak_all", peak=host / GIB, on_device=extra))]


def _memory_figure(material: Material, say: Phrases) -> list[Block]:
    return figure(material, say, "memory", "memory", "caption")


def _memory_tables(material: Material, say: Phrases) -> list[Block]:
    tables = (memory_tables.phase_table, memory_tables.stage_memory_table)
    return [table(material.records, say) for table in tables]


def _guard(material: Material, say: Phrases) -> Iterable[Block]:
    records = material.records
    guard = records.training("guard")
    limit = records.at(stage_file("train"), "limit", guard["kind"])
    kind, source = say.word("kinds", guard["kind"]), say.word("sources", limit["source"])
    values = {"kind": kind, "source": source, "limit": limit["bytes"] / GIB}
    yield Text(say("guard", "limited", **values))
    yield memory_tables.guard_table(records, say)
    yield Text(say("guard", "beyond", largest=guard["largest_batch"]))
