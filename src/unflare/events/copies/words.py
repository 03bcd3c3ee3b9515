"""Copies of Prophesee's files, word for word: only those of removed events go.

    DAT     64-bit words, each an event
    EVT2    32-bit words; an event where the highest four bits are 0 or 1
    EVT3    16-bit words, by the highest four bits: 2 an event; 4 and 5 twelve and eight pixels side by side, an event
            for each bit that is set; the other words say row, first column and time of what follows

Times, triggers, the header and whatever else the file holds stay as they are.
"""

from pathlib import Path

import numpy as np

from unflare.events.copies.keeping import Keeping
from unflare.events.foreign import Foreign
from unflare.events.recording import Recording
from unflare.events.stream import Array

BLOCK = 1 << 21  # bytes
SINGLE, TWELVE, EIGHT = 2, 4, 5
BITS = np.arange(12, dtype=np.uint16)


def copy_words(recording: Recording, path: Path, keeping: Keeping) -> None:
    assert isinstance(recording, Foreign)
    head = recording.head
    with recording.path.open("rb") as old, path.open("wb") as new:
        new.write(old.read(head.length))
        while block := old.read(BLOCK):
            words = np.frombuffer(block, f"<u{head.word}")
            new.write((_vectors if head.word == 2 else _singles)(words, keeping).tobytes())


def _singles(words: Array, keeping: Keeping) -> Array:
    event = np.ones(len(words), bool) if words.itemsize == 8 else (words >> 28) <= 1
    stays = ~event
    stays[event] = keeping.take(int(np.count_nonzero(event)))
    return words[stays]


def _vectors(words: Array, keeping: Keeping) -> Array:
    kind = words >> 12
    places = np.flatnonzero((kind == SINGLE) | (kind == TWELVE) | (kind == EIGHT))
    kinds = kind[places]
    bits = (words[places, None] >> BITS & 1).astype(bool)
    bits[kinds == EIGHT, 8:] = False
    bits[kinds == SINGLE] = BITS == 0
    kept = np.zeros_like(bits)
    kept[bits] = keeping.take(int(np.count_nonzero(bits)))
    single = kinds == SINGLE
    made, stays = words.copy(), np.ones(len(words), bool)
    made[places[~single]] &= ~((bits & ~kept)[~single] @ (np.uint16(1) << BITS))
    stays[places[single]] = kept[single, 0]
    return made[stays]
