"""Copies through faery's encoders: AEDAT4 and event stream."""

from pathlib import Path

import numpy as np

from unflare.events.copies.keeping import BLOCK, Keeping
from unflare.events.heads import compression
from unflare.events.recording import Recording
from unflare.events.stream import Array, Events

ROW = np.dtype([("t", "<u8"), ("x", "<u2"), ("y", "<u2"), (("p", "on"), "?")])
PACKET = 1 << 12  # events, at most, of a packet of AEDAT4


def copy_event_stream(recording: Recording, path: Path, keeping: Keeping) -> None:
    """DVS events; y counts from the bottom."""
    from faery.extension import es

    height, width = recording.shape
    with es.Encoder(path, "dvs", False, (width, height)) as encoder:  # noqa: FBT003 - faery's; times stay as they are
        for chunk in recording.chunks(BLOCK):
            kept = chunk[keeping.take(len(chunk))]
            rows = _rows(kept, recording.origin)
            rows["y"] = height - 1 - rows["y"]
            encoder.write(rows)


def copy_aedat(recording: Recording, path: Path, keeping: Keeping) -> None:
    """Packet for packet, with frames, inertial data and triggers, and the description that the file has."""
    from faery.extension import aedat

    with aedat.Decoder(recording.path) as packets:
        chosen = next(track.id for track in packets.tracks() if track.data_type == "events")
        with aedat.Encoder(path, packets.description(), _compression(recording.path)) as encoder:
            for track, packet in packets:
                rows = packet[keeping.take(len(packet))] if track.id == chosen else packet
                step = PACKET if track.data_type == "events" else max(_length(rows), 1)
                for first in range(0, _length(rows), step):
                    encoder.write(track.id, rows[first : first + step] if step == PACKET else rows)


def _length(packet: object) -> int:
    return len(packet) if isinstance(packet, np.ndarray) else 1


def _compression(path: Path) -> tuple[str, int] | None:
    name = compression(path)
    return (name, 1) if name else None


def _rows(events: Events, origin: int) -> Array:
    rows = np.empty(len(events), ROW)
    rows["t"], rows["x"], rows["y"], rows["on"] = events.t + origin, events.x, events.y, events.p
    return rows
