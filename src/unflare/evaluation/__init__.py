"""Comparison of de-flaring methods on scenes with a truth."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from unflare.edeflare import edeflare
from unflare.evaluation.filters import BackgroundActivity, DropAll, KeepAll, PolarityFocused
from unflare.events.scorer import Scorer

# Made without arguments, each has its paper's parameters.
baselines: Mapping[str, Callable[..., Scorer]] = MappingProxyType(
    {
        "keep_all": KeepAll,
        "drop_all": DropAll,
        "baf": BackgroundActivity,
        "stcf": partial(BackgroundActivity, support=2),
        "pfd_a": partial(PolarityFocused, "A"),
        "pfd_b": partial(PolarityFocused, "B"),
    }
)

__all__ = ["BackgroundActivity", "DropAll", "KeepAll", "PolarityFocused", "baselines", "edeflare"]
