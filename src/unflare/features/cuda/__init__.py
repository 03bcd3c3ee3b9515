"""The features of `ordered.py` on a CUDA device: the same steps, arranged by what memory allows.

A read or write at a random place costs a sector of 32 bytes, however little of it is wanted, and an event's features
are 52 bytes. So an event goes to its place in an order, and back, with as little as can be: out of time order with one
word, where its windows begin, and back from the order of pixels with two, from that of cells with one. What it has
besides, and all logarithms, are of the last kernel, which goes through the events as they came, and writes each row
once.

    stream.py   time order   soundness, keys for the sorts, where the windows begin
    cells.py    cell order   events and polarity of the cell
    pixels.py   pixel order  Mf, Ma, Ne, witnesses, allies, the pixel's previous event
    rows.py     time order   the thirteen columns

By count at most 121 bytes an event are taken: 13 of its columns, 52 of its row, 56 of what is between them.
"""

import torch
from torch import Tensor

from unflare.features.columns import Accept, Columns, Look
from unflare.features.cuda import cells, pixels, rows, stream
from unflare.features.ordered import Tables

__all__ = ["launch", "write"]


def write(columns: Columns, tables: Tables, out: Tensor, accept: Accept) -> Look:
    """As `ordered.write`."""
    with torch.cuda.device(out.device):
        return launch(columns, tables, out, accept)


def launch(columns: Columns, tables: Tables, out: Tensor, accept: Accept) -> Look:
    """`write` on the current device. What is no longer needed is let go at once."""
    before = len(columns.t) - len(out)
    keys, bounds, facts = stream.enter(columns, tables, before)
    begin, end, kept, unsound = facts.tolist()
    seen = Look(begin, end, not unsound, kept)
    accept(seen)
    of_cells = cells.count(keys.cell, columns.p, bounds, tables, before)
    pixel = keys.pixel
    del keys
    line = pixels.line_up(pixel, bounds, tables)
    del pixel
    of_pixels = pixels.count(line, tables, before)
    del line
    rows.write(columns, bounds, of_cells, of_pixels, tables, out)
    return seen
