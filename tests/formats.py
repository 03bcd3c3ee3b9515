"""A recording in every format, written by libraries other than ours: h5py, numpy and faery."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

from unflare.events import Events

DSEC_OFFSET = 49_599_300_523
HEADER = IN_ORDER = True  # of faery's encoders
FROM_ZERO = False


def some_events(count: int = 4000, shape: tuple[int, int] = (48, 64), start: int = 0, seed: int = 0) -> Events:
    """In bursts, with several events at one time, as cameras give them."""
    rng = np.random.default_rng(seed)
    t = start + np.sort(rng.integers(0, 5 * count, count) // 7 * 7)
    x, y = rng.integers(0, shape[1], count, np.uint16), rng.integers(0, shape[0], count, np.uint16)
    order = np.lexsort((x, y, t))
    return Events(t, x[order], y[order], rng.integers(0, 2, count, np.uint8), shape)


def rows(events: Events) -> np.ndarray:
    out = np.empty(len(events), [("t", "<u8"), ("x", "<u2"), ("y", "<u2"), (("p", "on"), "?")])
    out["t"], out["x"], out["y"], out["on"] = events.t, events.x, events.y, events.p
    return out


def dsec(path: Path, events: Events) -> None:
    """As the data set has it: no attributes, Blosc, a table that ends with the last millisecond."""
    blosc = hdf5plugin.Blosc(cname="zstd", clevel=1)
    with h5py.File(path, "w") as file:
        columns = {"t": events.t.astype(np.uint32), "x": events.x, "y": events.y, "p": events.p}
        for name, values in columns.items():
            file.create_dataset(f"events/{name}", data=values, chunks=(1000,), maxshape=(None,), **blosc)
        ms = np.arange(int(events.t[-1]) // 1000 + 1 if len(events) else 1)
        file["ms_to_idx"] = np.searchsorted(events.t, 1000 * ms).astype(np.uint64)
        file["t_offset"] = np.int64(DSEC_OFFSET)
        file.attrs["height"], file.attrs["width"] = events.shape
        file.attrs["place"] = "Zurich"


def e_flare(path: Path, events: Events) -> None:
    """Polarity -1 and 1, an uncompressed layout, and something that is no event."""
    with h5py.File(path, "w") as file:
        columns = {"t": events.t, "x": events.x, "y": events.y, "p": 2 * events.p.astype(np.int8) - 1}
        for name, values in columns.items():
            file[f"events/{name}"] = values
        file["events"].attrs.update(height=events.shape[0], width=events.shape[1])
        file["images/0"] = np.zeros((4, 5), np.uint8)


def npz(path: Path, events: Events) -> None:
    np.savez(path, t=events.t, x=events.x, y=events.y, p=events.p.astype(bool), resolution=np.array(events.shape[::-1]))


def npz_compressed(path: Path, events: Events) -> None:
    columns = {"t": events.t.astype(np.uint64), "x": events.x.astype(np.int16), "y": events.y, "p": events.p}
    np.savez_compressed(path, **columns, resolution=np.array(events.shape[::-1], np.uint16))


def csv(path: Path, events: Events) -> None:
    from faery.extension import csv

    width, height = events.shape[::-1]
    with csv.Encoder(path, ord(","), HEADER, (width, height), IN_ORDER) as encoder:
        encoder.write(rows(events))


def txt(path: Path, events: Events) -> None:
    """Seconds, blanks, no names: as the event-camera data sets of Zurich have it."""
    columns = np.column_stack([events.t / 1e6, events.x, events.y, events.p])
    np.savetxt(path, columns, fmt=["%.9f", "%d", "%d", "%d"])


def evt(version: str) -> Callable[[Path, Events], None]:
    def write(path: Path, events: Events) -> None:
        from faery.extension import evt

        with evt.Encoder(path, version, FROM_ZERO, events.shape[::-1], IN_ORDER) as encoder:
            encoder.write({"events": rows(events)})

    return write


def dat(path: Path, events: Events) -> None:
    from faery.extension import dat

    payload = rows(events).astype([("t", "<u8"), ("x", "<u2"), ("y", "<u2"), ("payload", "u1")])
    with dat.Encoder(path, "dat2", "cd", FROM_ZERO, events.shape[::-1]) as encoder:
        encoder.write(payload)


def event_stream(path: Path, events: Events) -> None:
    from faery.extension import es

    flipped = rows(events)
    flipped["y"] = events.shape[0] - 1 - flipped["y"]
    with es.Encoder(path, "dvs", FROM_ZERO, events.shape[::-1]) as encoder:
        encoder.write(flipped)


def aedat(path: Path, events: Events) -> None:
    """With two frames."""
    from faery.extension import aedat

    def text(value: str) -> object:
        return aedat.DescriptionAttribute("string", value)

    def track(number: int, kind: str) -> object:
        place = f"/mainloop/Recorder/outInfo/{number}/"
        sizes = {
            name: aedat.DescriptionAttribute("int", size)
            for name, size in zip(("sizeY", "sizeX"), events.shape, strict=True)
        }
        info = aedat.DescriptionNode("info", f"{place}info/", sizes, [])
        attributes = {"compression": text("LZ4"), "typeIdentifier": text(kind), "originalOutputName": text(kind)}
        return aedat.DescriptionNode(str(number), place, attributes, [info])

    tracks = [track(0, "EVTS"), track(1, "TRIG")]
    description = [aedat.DescriptionNode("outInfo", "/mainloop/Recorder/outInfo/", {}, tracks)]
    trigger = np.zeros(1, [("t", "<u8"), ("source", "u1")])
    with aedat.Encoder(path, description, ("lz4", 1)) as encoder:
        for first in range(0, len(events), 1000):
            encoder.write(0, rows(events[first : first + 1000]))
            trigger["t"] = events.t[first]
            encoder.write(1, trigger)


WRITERS: dict[str, tuple[str, Callable[[Path, Events], None]]] = {
    "DSEC HDF5": ("h5", dsec),
    "HDF5": ("h5", e_flare),
    "npz": ("npz", npz),
    "npz, compressed": ("npz", npz_compressed),
    "csv": ("csv", csv),
    "txt": ("txt", txt),
    "EVT2": ("raw", evt("evt2")),
    "EVT3": ("raw", evt("evt3")),
    "DAT": ("dat", dat),
    "event stream": ("es", event_stream),
    "AEDAT4": ("aedat4", aedat),
}


def written(folder: Path, kind: str, events: Events) -> Path:
    ending, write = WRITERS[kind]
    path = folder / f"recording.{ending}"
    write(path, events)
    return path


def bomb(path: Path, size: int = 1 << 33) -> None:
    """An npz whose arrays are eight gibibytes of zeros, in eight megabytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in "txyp":
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, {"descr": "|u1", "fortran_order": False, "shape": (size,)})
                for _ in range(size >> 20):
                    member.write(bytes(1 << 20))
