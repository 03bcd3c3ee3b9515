"""Fitting the classifier to the features of scenes."""

from unflare.training.checkpoint import Checkpoint, identity
from unflare.training.fit import Step, Trainer
from unflare.training.footprint import forecast, scaling
from unflare.training.history import History
from unflare.training.session import Session, overhead
from unflare.training.sources import opened
from unflare.training.validation import choose_threshold, parity

__all__ = [
    "Checkpoint",
    "History",
    "Session",
    "Step",
    "Trainer",
    "choose_threshold",
    "forecast",
    "identity",
    "opened",
    "overhead",
    "parity",
    "scaling",
]
