"""The figure of several runs beside each other."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from unflare.reporting.colors import BLUE, GREEN, MUTED
from unflare.reporting.comparison import Snapshot
from unflare.reporting.drawing import COLORS, bars, drawing, stacked_bars

GIB = 2**30
SHOWN = {"f1": BLUE, "roc_auc": GREEN}


def draw(runs: Mapping[str, Snapshot], path: Path) -> None:
    """By run, from the left: scores, milliseconds of a training step by component, peak memory."""
    names, blank = list(runs), [""] * len(runs)
    with drawing(path, columns=3, height=1.4 + 0.45 * len(names)) as (scores, step, memory):
        for row, (score, color) in enumerate(SHOWN.items()):
            values = [run["scores"].get(score, 0.0) for run in runs.values()]
            places = [place + 0.38 * row - 0.19 for place in range(len(names))]
            drawn = scores.barh(places, values, height=0.36, color=color, label=score)
            scores.bar_label(drawn, [f"{value:.3f}" for value in values], padding=3, fontsize=8)
        scores.set_yticks(range(len(names)), labels=names)
        scores.invert_yaxis()
        scores.grid(visible=False, axis="y")
        scores.set(xlim=(0, 1.2))
        scores.tick_params(axis="y", length=0)
        stacked_bars(step, blank, _components(list(runs.values())), "ms", "{:.1f}", (*COLORS, MUTED))
        peaks = [run["memory"].get("rss_peak", 0) / GIB for run in runs.values()]
        bars(memory, list(zip(blank, peaks, strict=True)), "GiB", BLUE, "{:.2f}")
        for axes in (scores, step):
            axes.legend(loc="lower left", ncols=3, bbox_to_anchor=(0, 1), borderaxespad=0.2, fontsize=8, handlelength=1)


def _components(runs: Sequence[Snapshot]) -> dict[str, list[float]]:
    """Milliseconds of a step by run: the largest components, one a color, and all others together."""
    steps = [{name: 1000 * value for name, value in run["step"].items() if name != "total"} for run in runs]
    weight = {name: sum(step.get(name, 0.0) for step in steps) for step in steps for name in step}
    largest = sorted(weight, key=lambda name: (-weight[name], name))[: len(COLORS)]
    parts = {name: [step.get(name, 0.0) for step in steps] for name in largest}
    return parts | {"…": [sum(step.values()) - sum(step.get(name, 0.0) for name in largest) for step in steps]}
