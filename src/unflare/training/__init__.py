"""Fitting the classifier to cached features."""

from unflare.training.fit import Step, choose_threshold, fit
from unflare.training.history import History

__all__ = ["History", "Step", "choose_threshold", "fit"]
