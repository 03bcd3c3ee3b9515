"""Fitting the classifier to cached features."""

from unflare.training.fit import Step, fit, score_scene
from unflare.training.history import History

__all__ = ["History", "Step", "fit", "score_scene"]
