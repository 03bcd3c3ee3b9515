"""Scenes beside real recordings: rates, polarity, times between events, extent; as a table and as two pictures.

python benchmarks/realism.py data/scenes realism.png --background traffic.h5 --flare mains.h5

The measures are drawn in realism.png; recordings beside the scenes most like them in realism_looks.png.

Of the scenes, events that are flare are held against recordings of flickering light, all others against recordings
without flare. Each stretch is as long as a scene. A measure is "inside" where the recording's median lies within the
range of the scenes, and "beside" where it does not.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unflare.events import Array, Events, load_scene, open_recording, scene_paths
from unflare.reporting.pictures import by_polarity, picture

STRETCH = 60_000  # microseconds
SLICE = 20_000  # microseconds that a picture shows
FEWEST = 500  # events of a stretch that is measured
KINDS = {"background": "#3b6ea8", "flare": "#d9731a"}
LOGARITHMIC = {"events, M/s", "share of pixels", "interval 10 %, ms", "interval, ms", "interval 90 %, ms"}


class Stretch(NamedTuple):
    """Some events, what they are called, and how they measure."""

    name: str
    events: Events
    measures: dict[str, float]


Kinds = dict[str, list[Stretch]]
Recordings = dict[str, dict[str, list[Stretch]]]


def measured(name: str, events: Events) -> Stretch:
    """flips is the share of events whose polarity is not that of the pixel's event before, interval the time to it."""
    seconds, pixels = (events.t[-1] - events.t[0]) / 1e6, events.y.astype(np.int64) * events.shape[1] + events.x
    order = np.lexsort((events.t, pixels))
    again = np.diff(pixels[order]) == 0
    intervals, flips = np.diff(events.t[order])[again] / 1000, np.diff(events.p[order].astype(int))[again] != 0
    counts = np.bincount(pixels)
    counts = np.sort(counts[counts > 0])[::-1]
    q = np.maximum(np.percentile(intervals, (10, 50, 90)), 1e-3) if len(intervals) else (np.nan,) * 3
    return Stretch(name, events, {
        "events, M/s": len(events) / seconds / 1e6,
        "share of pixels": len(counts) / (events.shape[0] * events.shape[1]),
        "ON": float(events.p.mean()),
        "flips": float(flips.mean()) if len(flips) else np.nan,
        "interval 10 %, ms": float(q[0]),
        "interval, ms": float(q[1]),
        "interval 90 %, ms": float(q[2]),
        "busiest tenth": float(counts[: max(1, len(counts) // 10)].sum() / len(events)),
    })  # fmt: skip


def of_scenes(folder: Path, kind: str) -> Iterator[Stretch]:
    for split in ("train", "validation", "test"):
        for path in scene_paths(folder / split):
            scene = load_scene(path)
            events = scene.events[(scene.flare > 0.5) == (kind == "flare")]
            if len(events) >= FEWEST and not (kind == "background" and scene.recipe["scenario"] == "flare_only"):
                yield measured(f"{split} {path.stem}", events)


def of_recording(path: Path) -> Iterator[Stretch]:
    with open_recording(path) as recording:
        last = recording.start + max(1, recording.duration - STRETCH)
        for start in range(recording.start, last, STRETCH):
            events = recording.between(start, start + STRETCH)
            if len(events) >= FEWEST:
                yield measured(path.stem, events)


def print_table(scenes: list[Stretch], real: dict[str, list[Stretch]]) -> None:
    print(f"{'':20s}{'scenes: min, median, max':>28s}" + "".join(f"{name[:24]:>26s}" for name in real))
    for measure in scenes[0].measures:
        values = [one.measures[measure] for one in scenes]
        low, high = np.nanmin(values), np.nanmax(values)
        line = f"{measure:20s}{low:12.3g}{np.nanmedian(values):8.3g}{high:8.3g}"
        for stretches in real.values():
            median = np.nanmedian([one.measures[measure] for one in stretches])
            line += f"{median:16.3g} {'inside' if low <= median <= high else 'beside':9s}"
        print(line)


def nearest(real: list[Stretch], scenes: list[Stretch]) -> tuple[Stretch, Stretch]:
    """The middle stretch of a recording, and the scene whose measures are most like it, each in ranks of the scenes."""
    rows = np.array([list(one.measures.values()) for one in scenes])
    one = real[len(real) // 2]
    target = np.array(list(one.measures.values()))
    ranks = [(np.sort(column)[:, None] < column).mean(axis=0) for column in rows.T]
    wanted = [(column < value).mean() for column, value in zip(rows.T, target, strict=True)]
    return one, scenes[int(np.argmin(np.abs(np.array(ranks).T - wanted).sum(axis=1)))]


def look(stretch: Stretch) -> Array:
    t = stretch.events.t
    middle = int(t[len(t) // 2])
    shown = stretch.events[(t >= middle - SLICE // 2) & (t < middle + SLICE // 2)]
    image = picture(shown.x, shown.y, by_polarity(shown.p), shown.shape)
    return cv2.resize(image, (640, round(640 * shown.shape[0] / shown.shape[1])), interpolation=cv2.INTER_AREA)


def draw_measures(path: Path, scenes: Kinds, real: Recordings) -> None:
    """Each scene a dot, each recording a line."""
    measures = list(next(iter(scenes.values()))[0].measures)
    with matplotlib.rc_context({"font.size": 8}):
        figure = Figure(figsize=(11, 3.4), layout="constrained", dpi=110)
        for axes, measure in zip(figure.subplots(2, len(measures) // 2).flat, measures, strict=True):
            _strip(axes, measure, scenes, real)
        figure.savefig(path)


def draw_looks(path: Path, scenes: Kinds, real: Recordings) -> None:
    """Recordings above, the scenes that are most like them below."""
    pairs = [nearest(stretches, scenes[kind]) for kind in KINDS for stretches in real[kind].values()]
    figure = Figure(figsize=(3 * len(pairs), 5), layout="constrained", dpi=110)
    grid = figure.subplots(2, len(pairs), squeeze=False)
    for column, (one, scene) in enumerate(pairs):
        for axes, stretch, what in ((grid[0, column], one, "real: "), (grid[1, column], scene, "scene: ")):
            axes.imshow(look(stretch))
            axes.set_title(what + stretch.name, fontsize=8)
            axes.set_axis_off()
    figure.savefig(path)


def _strip(axes: Axes, measure: str, scenes: Kinds, real: Recordings) -> None:
    rng = np.random.default_rng(0)
    for level, (kind, color) in enumerate(KINDS.items()):
        values = [one.measures[measure] for one in scenes[kind]]
        axes.scatter(values, level + rng.uniform(-0.28, 0.28, len(values)), s=7, color=color, alpha=0.55, linewidths=0)
        for stretches in real[kind].values():
            axes.plot([np.nanmedian([one.measures[measure] for one in stretches])] * 2, [level - 0.4, level + 0.4], "k")
    axes.set_yticks(range(len(KINDS)), list(KINDS))
    axes.set_ylim(-0.6, len(KINDS) - 0.4)
    axes.set_title(measure, fontsize=8)
    if measure in LOGARITHMIC:
        axes.set_xscale("log")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("figure", type=Path)
    for kind in KINDS:
        parser.add_argument(f"--{kind}", type=Path, nargs="+", required=True)
    options = parser.parse_args()
    scenes = {kind: list(of_scenes(options.scenes, kind)) for kind in KINDS}
    real = {kind: {path.stem: list(of_recording(path)) for path in getattr(options, kind)} for kind in KINDS}
    for kind in KINDS:
        print(f"\n{kind}: {len(scenes[kind])} scenes")
        print_table(scenes[kind], real[kind])
    draw_measures(options.figure, scenes, real)
    draw_looks(options.figure.with_stem(options.figure.stem + "_looks"), scenes, real)


if __name__ == "__main__":
    main()
