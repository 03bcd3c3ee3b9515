"""How bad input, or too little memory or disk, ends a stage or a command: one sentence, exit code 2."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from unflare.runtime.limits import MemoryLimit
from unflare.runtime.ranks import launched


@contextmanager
def one_sentence(name: str) -> Iterator[None]:
    """Bad input inside, or too little memory or disk, ends the process with exit code 2.

    Its sentence goes to standard error, after `name`. UNFLARE_TRACE=1 shows where it was raised. In a rank it passes
    on: the launcher says for all ranks what ended them.
    """
    try:
        yield
    except refusals() as error:
        if os.environ.get("UNFLARE_TRACE") or launched():
            raise
        sys.stderr.write(f"{name}: {sentence(error)}\n")
        sys.exit(2)


def refusals() -> tuple[type[BaseException], ...]:
    """What is no fault of the program; numpy and torch raise errors of their own where memory ends."""
    torch = sys.modules.get("torch")
    exhausted = (MemoryError, torch.OutOfMemoryError) if torch else (MemoryError,)
    return (ValueError, OSError, ImportError, MemoryLimit, *exhausted)


def sentence(error: BaseException) -> str:
    """Of an error of the system, the file and what is wrong with it; of ours, what it says."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)
