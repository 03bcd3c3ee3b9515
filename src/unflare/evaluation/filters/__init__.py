"""Classical methods, for comparison. They were made against noise or flicker, not against flare, and it shows.

A filter is a scorer: the published rule in a graded form, whose probability is below 0.5 exactly where it keeps the
event and grows with the quantity that the rule compares, so that it has a curve and not only a point. All are causal,
start from "never" instead of time 0, and carry their state from chunk to chunk.

What writes new events instead is a generator: a whole recording goes in, a stream comes out.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from unflare.evaluation.filters.activity import BackgroundActivity
from unflare.evaluation.filters.codec import VoxelRoundTrip
from unflare.evaluation.filters.comb import CombFilter
from unflare.evaluation.filters.constant import Chance, DropAll, KeepAll
from unflare.evaluation.filters.polarity import PolarityFocused
from unflare.evaluation.filters.surface import EventDensity, TimeSurface
from unflare.events import Events
from unflare.events.scorer import Scorer

# Made without arguments, each has its paper's parameters.
baselines: Mapping[str, Callable[..., Scorer]] = MappingProxyType(
    {
        "keep_all": KeepAll,
        "drop_all": DropAll,
        "chance": Chance,
        "baf": BackgroundActivity,
        "stcf": partial(BackgroundActivity, support=2),
        "time_surface": TimeSurface,
        "ynoise": EventDensity,
        "pfd_a": partial(PolarityFocused, "A"),
        "pfd_b": partial(PolarityFocused, "B"),
    }
)

Choice = Mapping[str, Any]

# What validation chooses from: arguments of the factory, the paper's first.
GRIDS: Mapping[str, Sequence[Choice]] = MappingProxyType(
    {
        "baf": [{"window": window} for window in (10_000, 2_000, 25_000)],
        "stcf": [{"window": window, "support": k} for window, k in ((10_000, 2), (25_000, 2), (10_000, 3))],
        "time_surface": [{"tau": tau} for tau in (20_000.0, 5_000.0)],
        "ynoise": [{"window": window} for window in (2_000, 10_000, 25_000)],
        "pfd_a": [{"window": window} for window in (25_000, 10_000)],
        "pfd_b": [{"window": window} for window in (25_000, 10_000)],
    }
)

generators: Mapping[str, Callable[..., Callable[[Events], Events]]] = MappingProxyType(
    {"comb": CombFilter, "voxels": VoxelRoundTrip}
)

__all__ = [
    "GRIDS",
    "BackgroundActivity",
    "Chance",
    "Choice",
    "CombFilter",
    "DropAll",
    "EventDensity",
    "KeepAll",
    "PolarityFocused",
    "TimeSurface",
    "VoxelRoundTrip",
    "baselines",
    "generators",
]
