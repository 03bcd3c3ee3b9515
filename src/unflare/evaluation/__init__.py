"""Comparison of de-flaring methods on scenes with a truth."""

from unflare.edeflare import edeflare
from unflare.evaluation.filters import baselines, generators
from unflare.evaluation.streams import streams
from unflare.evaluation.structure import event_structural_ratio

__all__ = ["baselines", "edeflare", "event_structural_ratio", "generators", "streams"]
