"""The weights that come with the package."""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "weights"


def shipped() -> Path:
    """Path of the safetensors file in the package. Raises FileNotFoundError if this installation has none."""
    path = FOLDER / "model.safetensors"
    if not path.is_file():
        raise FileNotFoundError("this installation of unflare comes without trained weights; name a model with --model")
    return path
