"""A recording in, the same recording without its flare out: of any length, and whole or absent whatever happens."""

from unflare.cleaning.methods import Method, filter_method, network_method
from unflare.cleaning.passes import Summary, clean, write_scores

__all__ = ["Method", "Summary", "clean", "filter_method", "network_method", "write_scores"]
