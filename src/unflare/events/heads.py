"""What the first bytes of a maker's format say."""

import re
import struct
from pathlib import Path
from typing import IO, NamedTuple

HEADER = 1 << 20  # bytes within which a header ends
AEDAT, EVENT_STREAM = b"#!AER-DAT4.0\r\n", b"Event Stream"
# Where a header does not say the sensor's size, it names the plugin of the camera's generation.
PLUGINS = {"gen3": (480, 640), "gen31": (480, 640), "gen4": (720, 1280), "gen41": (720, 1280)}
PLUGINS |= {"imx636": (720, 1280), "genx320": (320, 320)}


class Head(NamedTuple):
    """format  EVT2, EVT3, DAT, AEDAT4 or event stream
    shape   sensor (height, width)
    length  bytes of the header; 0 where it does not matter
    word    bytes of a word; 1 where words have no fixed length
    """

    format: str
    shape: tuple[int, int]
    length: int
    word: int


def head(path: Path, shape: tuple[int, int] | None) -> Head | None:
    """What the file says of itself; None if it is of none of these formats. `shape` stands in for what it does not say.

    Raises ValueError of one sentence: a damaged or unknown header, or one without the sensor's size and no `shape`.
    """
    with path.open("rb") as file:
        beginning = file.read(len(AEDAT))
        file.seek(0)
        if beginning == AEDAT:
            return Head("AEDAT4", _aedat_shape(file, path), 0, 1)
        if beginning.startswith(EVENT_STREAM):
            return _event_stream(file, path)
        if beginning.startswith(b"% "):
            return _prophesee(file, path, shape)
    return None


def _event_stream(file: IO[bytes], path: Path) -> Head:
    header = file.read(20)[len(EVENT_STREAM) :]
    if len(header) < 8 or header[0] != 2 or header[3] != 1:
        raise ValueError(f"{path}: expected an event stream 2.x of DVS events, found version and type {[*header[:4]]}")
    width, height = struct.unpack("<HH", header[4:])
    return Head("event stream", _positive((height, width), path), 20, 1)


def _aedat_shape(file: IO[bytes], path: Path) -> tuple[int, int]:
    """Of the first stream of events, from the description in the header, which is XML."""
    file.seek(len(AEDAT))
    (length,) = struct.unpack("<I", file.read(4).ljust(4, b"\0"))
    header = file.read(min(length, HEADER))
    text = header.decode("latin-1")
    for stream in re.split(r'<node name="\d+"', text)[1:]:
        said = dict(re.findall(r'key="(typeIdentifier|sizeX|sizeY)"[^>]*>([^<]*)<', stream))
        if said.get("typeIdentifier") == "EVTS" and {"sizeX", "sizeY"} <= set(said):
            sizes = [int(said[name]) if said[name].isdigit() else 0 for name in ("sizeY", "sizeX")]
            return _positive((sizes[0], sizes[1]), path)
    raise ValueError(f"{path}: expected an AEDAT4 file with a stream of events, found none in its header")


def _prophesee(file: IO[bytes], path: Path, shape: tuple[int, int] | None) -> Head | None:
    lines = []
    length = 0
    while (line := file.readline(HEADER)).startswith(b"% ") and length < HEADER and line.endswith(b"\n"):
        lines.append(line[2:].decode("latin-1").strip())
        length += len(line)
    text = "\n".join(lines)
    said = _size(text) or shape or _of_plugin(text)
    version = re.search(r"^evt (\d[\d.]*)|^format EVT(\d[\d.]*)", text, re.MULTILINE)
    if version:
        number = (version[1] or version[2]).removesuffix(".0")
        if number not in ("2", "3"):
            raise ValueError(f"{path}: expected EVT 2.0 or 3.0, found {version[0]}")
        return Head(f"EVT{number}", _known(said, path), length, 4 if number == "2" else 2)
    version = re.search(r"^Version (\d+)", text, re.MULTILINE | re.IGNORECASE)
    file.seek(length)
    kind = file.read(2)
    if version and kind in (b"\x0c\x08", b"\x00\x08"):
        if version[1] not in ("1", "2"):
            raise ValueError(f"{path}: expected DAT of version 1 or 2, found {version[1]}")
        return Head("DAT", _known(said, path), length + 2, 8)
    return None


def _size(text: str) -> tuple[int, int] | None:
    for pattern in (r"^geometry (?P<w>\d+)x(?P<h>\d+)", r"width=(?P<w>\d+);height=(?P<h>\d+)"):
        if found := re.search(pattern, text, re.MULTILINE):
            return int(found["h"]), int(found["w"])
    sizes = [re.search(rf"^{name} (\d+)", text, re.MULTILINE | re.IGNORECASE) for name in ("Height", "Width")]
    if sizes[0] and sizes[1]:
        return int(sizes[0][1]), int(sizes[1][1])
    return None


def _of_plugin(text: str) -> tuple[int, int] | None:
    plugin = re.search(r"^plugin_name \w*_(gen\w+?|imx\d+)(_|$)", text, re.MULTILINE)
    return PLUGINS.get(plugin[1]) if plugin else None


def _known(shape: tuple[int, int] | None, path: Path) -> tuple[int, int]:
    if shape is None:
        raise ValueError(f"{path}: the header does not say the sensor's size; name it, such as --sensor 640x480")
    return _positive(shape, path)


def _positive(shape: tuple[int, int], path: Path) -> tuple[int, int]:
    if not all(0 < side < 1 << 14 for side in shape):
        raise ValueError(
            f"{path}: expected a sensor of 1 to {(1 << 14) - 1} pixels a side, found {shape[1]}x{shape[0]}"
        )
    return shape


def compression(path: Path) -> str | None:
    """lz4, zstd or None: how the packets of an AEDAT4 file are compressed."""
    code = field(path, 4, "<i", 0)
    return {1: "lz4", 2: "lz4", 3: "zstd", 4: "zstd"}.get(code)


def field(path: Path, place: int, form: str, absent: int) -> int:
    """A field of the header, a flatbuffer: `place` bytes into its table of fields; `absent` if the file lacks it."""
    with path.open("rb") as file:
        file.seek(len(AEDAT))
        (length,) = struct.unpack("<I", file.read(4).ljust(4, b"\0"))
        header = file.read(min(length, HEADER))
    try:
        (root,) = struct.unpack_from("<I", header, 0)
        (back,) = struct.unpack_from("<i", header, root)
        (field,) = struct.unpack_from("<H", header, root - back + place)
        return int(struct.unpack_from(form, header, root + field)[0]) if field else absent
    except struct.error as error:
        raise ValueError(f"{path}: expected the header of an AEDAT4 file, found it damaged") from error
