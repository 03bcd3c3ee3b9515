"""What runs in the process of its own: faery's decoders, their events to standard output.

Rows of ROW in pieces, each after its length in 8 bytes. At the end, lines on standard error count what is no event.
Run as a program; it imports nothing of ours, so that it starts quickly.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

ROW = np.dtype([("t", "<u8"), ("x", "<u2"), ("y", "<u2"), ("p", "u1")])
LIMIT = 3 << 28  # bytes of address space: what a damaged or malicious file may make a decoder ask for
PIECE = 1 << 13  # events, or a few more: what is lost where the process is killed

Rows = NDArray[Any]


def decode(path: str, kind: str, size: tuple[int, int], beside: Counter[str]) -> Iterator[Rows]:
    """Rows of a file of sensor size (width, height), as faery gives them; y counts from the top."""
    from faery.extension import aedat, dat, es, evt

    if kind in ("EVT2", "EVT3"):
        with evt.Decoder(path, size, kind.lower()) as packets:
            for packet in packets:
                beside["triggers"] += len(packet.get("triggers", ()))
                yield packet.get("events", np.empty(0, ROW)).view(ROW)
    elif kind == "DAT":
        with dat.Decoder(path, size, None) as packets:
            for rows in packets:
                yield rows.view(ROW)
    elif kind == "event stream":
        with es.Decoder(path, 0) as packets:
            for rows in packets:
                rows["y"] = size[1] - 1 - rows["y"]
                yield rows.view(ROW)
    else:
        with aedat.Decoder(path) as packets:
            yield from _of_tracks(packets, beside)


def _of_tracks(packets: Any, beside: Counter[str]) -> Iterator[Rows]:  # noqa: ANN401 - faery's decoder
    """Those of the first track that holds events."""
    chosen = next(track.id for track in packets.tracks() if track.data_type == "events")
    for track, packet in packets:
        if track.id == chosen:
            yield packet.view(ROW)
        else:
            beside["frames" if track.data_type == "frame" else track.data_type] += _size(packet)


def _size(packet: Any) -> int:  # noqa: ANN401 - a frame of faery's, or an array
    return len(packet) if isinstance(packet, np.ndarray) else 1


def main(path: str, kind: str, width: str, height: str) -> None:
    beside: Counter[str] = Counter()
    out = sys.stdout.buffer
    pending: list[Rows] = []
    try:
        for rows in decode(path, kind, (int(width), int(height)), beside):
            pending.append(rows.copy())
            if sum(map(len, pending)) >= PIECE:
                _send(out, pending)
                pending = []
    finally:  # what came before the damage
        _send(out, pending)
    sys.stderr.writelines(f"{count} {name}\n" for name, count in beside.items())


def _send(out: BinaryIO, pending: list[Rows]) -> None:
    if pending:
        rows = np.concatenate(pending)
        out.write(len(rows).to_bytes(8, "little") + rows.tobytes())
        out.flush()


if __name__ == "__main__":
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main(*sys.argv[1:])
