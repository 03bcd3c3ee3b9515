"""Recordings in the formats of cameras' makers, through the library faery: EVT2, EVT3, DAT, AEDAT4, event stream."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from unflare.events.child import decoded
from unflare.events.decoder import ROW
from unflare.events.heads import Head
from unflare.events.integrity import refuse_broken, refuse_tail
from unflare.events.stream import Array
from unflare.events.streamed import Streamed

OVERFLOW = 127  # us that a byte of an event stream stands for


class Foreign(Streamed):
    """A file that faery decodes, in a process of its own: what is damaged can end that process, and not this one."""

    def __init__(self, path: Path, head: Head, *, repair: bool = False) -> None:
        self.format, self.head = head.format, head
        self._found: Counter[str] = Counter()
        amiss: Counter[str] = Counter()
        try:
            refuse_broken(path, head)
        except ValueError as error:
            if not repair:
                raise
            amiss[f"fault: {str(error).removeprefix(f'{path}: ')}"] += 1
        super().__init__(path, head.shape, repair=repair)
        self.repaired = amiss + Counter(self.repaired)
        self.beside = tuple(f"{count:,} {name}" for name, count in sorted(self._found.items()) if count)

    def _raw(self) -> Iterator[dict[str, Array]]:
        beside: Counter[str] = Counter()
        count = overflows = latest = 0
        for rows in chain([np.empty(0, ROW)], decoded(self.path, self.head, beside)):
            columns = {name: np.ascontiguousarray(rows[name]) for name in "txyp"}
            if len(rows):
                overflows += int((np.diff(columns["t"], prepend=np.uint64(latest)) // OVERFLOW).sum())
                count, latest = count + len(rows), int(columns["t"][-1])
            yield columns
        if self.format == "event stream":
            refuse_tail(self.path, self.head.length + 5 * count + overflows)
        self._found = beside
