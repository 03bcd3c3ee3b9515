"""The folders of Flare7K and Flare7K++ as a list of image pairs.

Dai et al., Flare7K: A Phenomenological Nighttime Flare Removal Dataset, NeurIPS 2022, and Flare7K++, 2023:

    Flare7K/Scattering_Flare/{Compound_Flare,Light_Source,...}/000000.png    5,000 pairs, drawn, 25 types
    Flare-R/{Compound_Flare,Light_Source}/000000.png                         962 pairs, photographed

A flare and the picture of its light source alone have one file name.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

COMPLETE = {"Flare7K": 5000, "Flare-R": 962}

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"


class FlarePair(BaseModel):
    """A flare and its light source; paths are relative to the data's root."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    flare: Path
    light: Path
    collection: str
    shape: tuple[int, int]


def walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """os.walk by name, through links, but into no folder twice and into no hidden one. Raises OSError if unreadable."""

    def refuse(error: OSError) -> None:
        raise error

    seen: set[str] = set()
    for place, folders, files in os.walk(root, followlinks=True, onerror=refuse):
        real = os.path.realpath(place)
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if real not in seen else []
        if real not in seen:
            yield Path(place), folders, files
        seen.add(real)


def find_flares(root: Path) -> list[FlarePair]:
    """All pairs below root: a folder Compound_Flare beside a folder Light_Source is a collection.

    Every image is looked at as far as its size and its end, not decoded. Raises ValueError of one sentence: no
    collection, a collection without light sources or present twice, images without partner, unreadable or of unequal
    sizes.
    """
    pairs: list[FlarePair] = []
    places: dict[str, Path] = {}
    for place, folders, _ in walk(root):
        if "Compound_Flare" in folders:
            name = "Flare7K" if place.name == "Scattering_Flare" else place.name
            if name in places:
                raise ValueError(
                    f"{root}: expected each flare collection once, found {name} in {places[name]} and {place}"
                )
            places[name] = place
            pairs += _collection(root, place, name)
    if not pairs:
        raise ValueError(
            f"{root}: expected Flare7K images (Compound_Flare/*.png beside Light_Source), found none below it"
        )
    return sorted(pairs, key=lambda pair: pair.name)


def _collection(root: Path, place: Path, collection: str) -> list[FlarePair]:
    flares, lights = place / "Compound_Flare", place / "Light_Source"
    if not lights.is_dir():
        raise ValueError(f"{place}: expected a folder Light_Source beside Compound_Flare, found none")
    names, partners = _images(flares), _images(lights)
    lonely = sorted(names ^ partners)
    if lonely:
        first = (flares if lonely[0] in names else lights) / lonely[0]
        raise ValueError(
            f"{place}: every flare and light source must have a partner, found {len(lonely)} without: first {first}"
        )
    return [_pair(root, flares / name, lights / name, collection) for name in sorted(names)]


def _pair(root: Path, flare: Path, light: Path, collection: str) -> FlarePair:
    shape, other = png_shape(flare), png_shape(light)
    if shape != other:
        raise ValueError(f"{flare}: must be of the size of its light source, {other} (height, width), found {shape}")
    return FlarePair(
        name=f"{collection}/{flare.stem}",
        flare=flare.relative_to(root),
        light=light.relative_to(root),
        collection=collection,
        shape=shape,
    )


def _images(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.png") if not path.name.startswith(".")}


def png_shape(path: Path) -> tuple[int, int]:
    """(height, width) from the header of a PNG that is whole, by its end. Raises ValueError if it is not."""
    with path.open("rb") as file:
        head = file.read(24)
        file.seek(max(path.stat().st_size - len(_END), 0))
        tail = file.read()
    if head[:8] != _SIGNATURE or head[12:16] != b"IHDR" or len(head) < 24:
        raise ValueError(f"{path}: expected a PNG image, found {head[:8]!r}" if head else f"{path}: an empty file")
    if tail != _END:
        raise ValueError(f"{path}: expected a whole PNG image, found it truncated")
    width, height = struct.unpack(">II", head[16:24])
    return height, width
