"""How bad input ends a stage or a command: one sentence, exit code 2."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_sentence(name: str) -> Iterator[None]:
    """Bad input inside (ValueError, OSError, ImportError) ends the process with exit code 2.

    Its sentence goes to standard error, after `name`. UNFLARE_TRACE=1 shows where it was raised.
    """
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        if os.environ.get("UNFLARE_TRACE"):
            raise
        sys.stderr.write(f"{name}: {error}\n")
        sys.exit(2)
