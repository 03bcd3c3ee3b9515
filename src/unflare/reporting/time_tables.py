"""Tables of where the time went."""

from collections.abc import Mapping

from unflare.reporting.document import Cell, Table
from unflare.reporting.phrases import Phrases
from unflare.reporting.records import Records, stage_file

SCANNED = {"forward", "backward", "validation"}  # components whose implementation is that of the scan
COMPUTED = {"transfer", "loss", "optimizer"}  # and those that are torch's own, on the device
MADE_HERE = {"reading", "waiting"}  # of batches
LEAST = 0.01  # of a stage, below which a part is not listed


def stage_table(records: Records, say: Phrases) -> Table:
    """Each stage from its process's start: wall, start-up, the work of other processes beside it, and what is left."""
    walls = {stage: records.number(stage_file(stage), "seconds", low=1e-9) for stage in records.stages()}
    total = sum(walls.values())
    rows = []
    for stage, seconds in walls.items():
        parts = records.numbers(stage_file(stage), "parts")
        start, rest = parts.get("start-up"), seconds - _named(parts)
        row = [f"`{stage}`", f"{seconds:.1f}", "–" if start is None else f"{start:.1f}", _workers(records, stage)]
        cells = [Cell(text) for text in row] + [_share(seconds, total), Cell(f"{rest / seconds:.1%}")]
        rows.append([*cells, Cell(_implementations(records.at(stage_file(stage), "implementations")))])
    rows.append([Cell(say("time", "total"), strong=True), Cell(f"{total:.1f}"), *(Cell("") for _ in range(5))])
    names = ("stage", "seconds", "start", "workers", "share", "rest", "implementation")
    return Table([say("time", name) for name in names], rows, words=(6,), caption=say("time", "stages"))


def component_table(records: Records, say: Phrases) -> Table:
    """The training by component, in a step and in all; what no component covers is its last row but one."""
    seconds = records.numbers("reports/training/metrics.json", "seconds")
    total, steps = records.trained("seconds", "total", low=1e-9), records.trained("steps", low=1)
    parts = {name: value for name, value in seconds.items() if name not in {"total", "rest"}}
    ran = _components(records, say)
    rows = [
        _component(part_name(say, name), value, total, steps, ran.get(name, ""))
        for name, value in sorted(parts.items(), key=lambda item: -item[1])
    ]
    rows.append(_component(say("time", "rest"), total - sum(parts.values()), total, steps, ""))
    whole = _component(say("time", "total"), total, total, steps, "")
    rows.append([Cell(whole[0].text, strong=True), *(Cell(cell.text) for cell in whole[1:])])
    header = [say("time", name) for name in ("component", "step", "seconds", "share", "implementation")]
    return Table(header, rows, words=(4,), caption=say("time", "components"))


def part_table(records: Records, say: Phrases) -> Table:
    """Parts of the stages that take a hundredth of the stage or more, and what no part covers; then, as shares of the
    workers' time, what worker processes did meanwhile.
    """
    rows = []
    for stage in records.stages():
        file = stage_file(stage)
        parts, seconds = records.numbers(file, "parts"), records.number(file, "seconds", low=1e-9)
        ran = dict(records.at(file, "implementations"))
        if "scan" in ran:  # the network, where it is one of the methods
            ran["unflare"] = f"{ran['scan']}, {ran['device']}"
        named = {part: value for part, value in parts.items() if part != "rest" and value >= LEAST * seconds}
        for part, value in sorted(named.items(), key=lambda item: -item[1]):
            rows.append(_timed(f"`{stage}` {part}", value, seconds, ran.get(part, "")))
        rows.append(_timed(f"`{stage}` {say('time', 'rest')}", seconds - _named(parts), seconds, ""))
        workers = records.numbers(file, "workers", "seconds") if records.has(file, "workers", "seconds") else {}
        for part, value in sorted(workers.items(), key=lambda item: -item[1]):
            name = say("time", "in_workers", part=say("time", "rest") if part == "rest" else part)
            rows.append(_timed(f"`{stage}` {name}", value, sum(workers.values()), ran.get(part, "")))
    header = [say("time", name) for name in ("part", "seconds", "share", "implementation")]
    return Table(header, rows, words=(3,), caption=say("time", "parts"))


def part_name(say: Phrases, name: str) -> str:
    """The identifier, with its meaning where the phrases have one that says more."""
    word = say.optional("components", name)
    return f"`{name}`" if word in {"", name} else f"`{name}` {word}"


def _components(records: Records, say: Phrases) -> dict[str, str]:
    """Component -> what ran it."""
    scan, device = (str(records.training(key)) for key in ("scan", "device"))
    loaders = round(records.trained("loaders")) if records.has("reports/training/metrics.json", "loaders") else 0
    ran = dict.fromkeys(SCANNED, f"{scan}, {device}") | dict.fromkeys(COMPUTED, f"torch, {device}")
    ran |= dict.fromkeys(MADE_HERE, say("time", "loaders" if loaders else "own_process", count=loaders))
    return ran | dict(records.at(stage_file("train"), "implementations"))


def _component(name: str, seconds: float, total: float, steps: float, implementation: str) -> list[Cell]:
    first, *others = _timed(name, seconds, total, implementation)
    return [first, Cell(f"{1000 * seconds / steps:.2f}"), *others]


def _timed(name: str, seconds: float, total: float, implementation: str) -> list[Cell]:
    return [Cell(name), Cell(f"{seconds:.2f}"), _share(seconds, total), Cell(implementation)]


def _share(seconds: float, total: float) -> Cell:
    return Cell(f"{seconds / total:.1%}", share=min(1.0, max(0.0, seconds / total)))


def _workers(records: Records, stage: str) -> str:
    """Seconds that the worker processes of a stage worked, together, and how many they were."""
    file = stage_file(stage)
    if not records.has(file, "workers"):
        return "–"
    worked = sum(records.numbers(file, "workers", "seconds").values())
    return f"{worked:.1f} ({records.at(file, 'workers', 'processes')} ×)"


def _implementations(names: Mapping[str, str]) -> str:
    return "; ".join(f"{part}: {name}" for part, name in names.items())


def _named(parts: Mapping[str, float]) -> float:
    """Seconds in named parts."""
    return sum(value for part, value in parts.items() if part != "rest")
