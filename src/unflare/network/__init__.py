"""EventDenoisingMamba: a selective state space model over events, and its checkpoints."""

from unflare.network.classifier import Classifier, State
from unflare.network.dispatch import implementation

__all__ = ["Classifier", "State", "implementation"]
