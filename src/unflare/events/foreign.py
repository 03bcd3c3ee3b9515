"""Recordings in the formats of cameras' makers, through the library faery: EVT2, EVT3, DAT, AEDAT4, event stream."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from unflare.events.child import decoded
from unflare.events.decoder import ROW
from unflare.events.heads import Head, refuse_incomplete
from unflare.events.stream import Array
from unflare.events.streamed import Streamed


class Foreign(Streamed):
    """A file that faery decodes, in a process of its own: what is damaged can end that process, and not this one."""

    def __init__(self, path: Path, head: Head, *, repair: bool = False) -> None:
        self.format, self.head = head.format, head
        if not repair:
            refuse_incomplete(path, head)
        self._found: Counter[str] = Counter()
        super().__init__(path, head.shape, repair=repair)
        self.beside = tuple(f"{count:,} {name}" for name, count in sorted(self._found.items()) if count)

    def _raw(self) -> Iterator[dict[str, Array]]:
        beside: Counter[str] = Counter()
        for rows in chain([np.empty(0, ROW)], decoded(self.path, self.head, beside)):
            yield {name: np.ascontiguousarray(rows[name]) for name in "txyp"}
        self._found = beside
