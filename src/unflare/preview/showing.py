"""A view as a picture, or as a video in slow motion."""

from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

from unflare.events import aside
from unflare.preview.files import write_gif, write_mp4, write_png
from unflare.preview.layout import fitting
from unflare.preview.sheet import Sheet
from unflare.preview.span import FRAME, moment
from unflare.preview.view import View

Times: TypeAlias = tuple[int, int]
ROOM = {".png": (1920, 2560), ".mp4": (1080, 1920), ".gif": (960, 1280)}  # pixels (high, wide) for the panels


def write_picture(path: Path, view: View, start: int | None, duration: int | None) -> None:
    """One moment, and where it is in the whole. Raises ValueError of one sentence, as `moment`."""
    first, last = moment(view, start, duration)
    heading = f"{view.name}: {_ms(first)} to {_ms(last)} ms"
    sheet = Sheet(view, fitting(view, ROOM[".png"]), heading, 0, view.duration)
    with aside(path) as temporary:
        write_png(temporary, sheet.page(view.images(first, last), first, last))


def write_video(path: Path, view: View, borders: list[int], told: Callable[[Iterable[Times]], Iterable[Times]]) -> None:
    """.mp4 or .gif of frames between the `borders`, in us; `told` passes their times on and says how far it is."""
    kind, held = path.suffix.lower(), borders[1] - borders[0]
    heading = f"{view.name}: {_ms(held)} ms a frame, {FRAME / held:.4g} times slower"
    sheet = Sheet(view, fitting(view, ROOM[kind]), heading, borders[0], borders[-1])
    pages = (sheet.page(view.images(first, last), first, last) for first, last in told(pairwise(borders)))
    with aside(path) as temporary:
        if kind == ".mp4":
            write_mp4(temporary, pages)
        else:
            write_gif(temporary, pages, view.colors)


def _ms(microseconds: int) -> str:
    return f"{microseconds / 1000:.3f}".rstrip("0").rstrip(".")
