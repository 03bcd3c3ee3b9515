"""EventDenoisingMamba: a selective state space model over events, and its checkpoints."""

from unflare.network.classifier import Classifier
from unflare.network.dispatch import implementation
from unflare.network.shipped import shipped
from unflare.network.state import State, load_state, save_state

__all__ = ["Classifier", "State", "implementation", "load_state", "save_state", "shipped"]
