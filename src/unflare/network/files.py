"""Files of the network that are whole or absent."""

import os
from pathlib import Path


def replace(path: Path, content: bytes) -> None:
    """Writes the file aside and renames it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
