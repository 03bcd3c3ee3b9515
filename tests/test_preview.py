"""Laws of pictures and videos: each event where and when it was, on pages of the stated size, whole or not at all."""

import itertools
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import av
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from unflare.commands import main
from unflare.events import Events, open_recording
from unflare.events.stream import DTYPES
from unflare.preview.files import write_gif, write_mp4, write_png
from unflare.preview.layout import Layout, fitting
from unflare.preview.recorded import Recorded, missing
from unflare.preview.sheet import Sheet
from unflare.preview.showing import write_video
from unflare.preview.span import FILM, FRAME, PICTURE, SLOWEST, frames, moment
from unflare.reporting.colors import BLUE, PAPER
from unflare.reporting.pictures import GROUND, OFF, ON

SHAPE = (46, 61)


def of(t: np.ndarray, seed: int = 0) -> Events:
    """Random events at the given times."""
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(0, size, len(t)).astype(np.uint16) for size in SHAPE[::-1])
    return Events(t.astype(np.int64), x, y, rng.integers(0, 2, len(t)).astype(np.uint8), SHAPE)


def saved(path: Path, events: Events) -> Path:
    columns = {name: getattr(events, name) for name in DTYPES}
    np.savez_compressed(path, **columns, resolution=np.array(SHAPE[::-1]))
    return path


@pytest.fixture
def events() -> Events:
    return of(np.sort(np.random.default_rng(1).integers(0, 60_000, 4000)).clip(5))


@pytest.fixture
def path(tmp_path: Path, events: Events) -> Path:
    return saved(tmp_path / "night.npz", events)


def looked(path: Path) -> Recorded:
    return Recorded(open_recording(path))


def unflare(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["unflare", "preview", *map(str, arguments)])
    with pytest.raises(SystemExit) as ending:
        main()
    return int(ending.value.code or 0)


class Lasting:
    """As much of a view as the choice of time needs."""

    def __init__(self, duration: int, middle: int = 0) -> None:
        self.duration, self._middle = duration, middle

    def middle(self) -> int:
        return self._middle


# Time


@pytest.mark.parametrize("slow", [None, 0.5, 1, 7.3, 40, FRAME])
@pytest.mark.parametrize(("start", "duration"), [(None, None), (13, 7001), (40_000, 10**9), (59_999, None)])
def test_every_event_of_the_time_shown_is_in_one_frame(
    start: int | None, duration: int | None, slow: float | None
) -> None:
    borders = frames(Lasting(60_000), start, duration, slow)
    assert (borders[0], borders[-1]) == (
        start or 0,
        min(60_000, (start or 0) + (duration or round(FILM / (slow or 1)))),
    )
    steps = np.diff(borders)
    assert steps.min() > 0
    if slow:
        assert np.all(np.abs(steps[:-1] - FRAME / slow) <= 1)
        assert len(steps) == np.ceil((borders[-1] - borders[0]) * slow / FRAME)


@pytest.mark.parametrize("duration", [60_000, 96_000, 2_080_000, 9_000_000, 70_000_000])
def test_a_video_is_as_slow_as_ten_seconds_allow(duration: int) -> None:
    borders = frames(Lasting(duration), None, None, None)
    count, slow = len(borders) - 1, FRAME / (borders[1] - borders[0])
    assert count * FRAME <= FILM + FRAME
    assert slow == SLOWEST or (slow + 1) * min(duration, FILM) > FILM
    assert borders[-1] == min(duration, FILM)


@pytest.mark.parametrize(("middle", "start"), [(0, 0), (31_400, 21_000), (59_999, 40_000)])
def test_a_picture_is_of_the_midst_of_the_events(middle: int, start: int) -> None:
    first, last = moment(Lasting(60_000, middle), None, None)
    assert (first, last) == (start, start + PICTURE)
    assert first <= middle < last


def test_half_of_the_events_come_before_the_middle(path: Path, events: Events) -> None:
    middle = looked(path).middle() + events.t[0]
    assert (events.t < middle).mean() <= 0.5 <= (events.t <= middle).mean()


# Events


def test_colors_are_where_and_when_the_events_are(path: Path, events: Events) -> None:
    view = looked(path)
    for start, stop in itertools.pairwise(range(0, view.duration + 1000, 1000)):
        [image] = view.images(start, stop)
        expected = np.full((*SHAPE, 3), GROUND, np.uint8)
        for t, x, y, p in zip(events.t - events.t[0], events.x, events.y, events.p, strict=True):
            if start <= t < stop:
                expected[y, x] = ON if p else OFF
        assert np.array_equal(image, expected)


def test_before_and_after_are_on_one_clock(tmp_path: Path, path: Path, events: Events) -> None:
    kept = np.random.default_rng(2).random(len(events)) < 0.5
    kept[:100] = False  # the copy begins later, and npz counts from the first event
    after = saved(tmp_path / "cleaned.npz", events[kept])
    with open_recording(path) as first, open_recording(after) as second:
        assert second.origin > first.origin
        view = Recorded(first, second)
        edges = np.arange(0, view.duration + 500, 500)
        before, after_layer = view.layers(edges)
        times = events.t - events.t[0]
        assert np.array_equal(before.counts, np.histogram(times, edges)[0])
        assert np.array_equal(after_layer.counts, np.histogram(times[kept], edges)[0])
        for image, chosen in zip(view.images(7000, 9000), (kept | True, kept, ~kept), strict=True):
            inside = chosen & (times >= 7000) & (times < 9000)
            lit = np.zeros(SHAPE, bool)
            lit[events.y[inside], events.x[inside]] = True
            assert np.array_equal((image != GROUND).any(axis=2), lit)


def test_everything_removed_is_a_dark_panel(tmp_path: Path, path: Path, events: Events) -> None:
    nothing = saved(tmp_path / "cleaned.npz", events[:0])
    with open_recording(path) as first, open_recording(nothing) as second:
        before, after, removed = Recorded(first, second).images(0, 60_000)
        assert np.array_equal(after, np.full((*SHAPE, 3), GROUND))
        assert np.array_equal(removed, before)


def test_of_events_that_are_alike_as_many_are_missing_as_were_removed() -> None:
    t, x = np.repeat(np.arange(5), 4), np.repeat(np.uint16([3, 3, 4, 5, 5]), 4)
    events = Events(t, x, np.zeros(20, np.uint16), np.tile(np.uint8([1, 1, 0, 1]), 5), SHAPE)
    keep = np.arange(20) % 4 != 1
    assert [*missing(events, events[keep]).t] == [0, 1, 2, 3, 4]
    assert len(missing(events, events)) == len(missing(events[:0], events)) == 0


# Pages


@pytest.mark.parametrize("shape", [(46, 61), (259, 345), (480, 640), (720, 1280)])
@pytest.mark.parametrize("panels", [1, 2, 3, 4])
@pytest.mark.parametrize("zoom", [1, 3])
def test_panels_lie_apart_on_a_page_of_even_size(shape: tuple[int, int], panels: int, zoom: int) -> None:
    layout = Layout(shape, panels, zoom)
    assert not any(side % 2 for side in layout.size)
    taken = np.zeros(layout.size, int)
    for panel in range(panels):
        top, left = layout.corner(panel)
        assert top % 2 == left % 2 == 0
        taken[top : top + zoom * shape[0], left : left + zoom * shape[1]] += 1
    top, bottom, left, right = layout.axis
    taken[top:bottom, left:right] += 1
    assert taken.max() == 1
    assert taken.sum() == panels * zoom**2 * shape[0] * shape[1] + (bottom - top) * (right - left)


def test_panels_fill_the_room_as_far_as_whole_pixels_go(path: Path) -> None:
    view = looked(path)
    assert fitting(view, (1080, 1920)).zoom == 1080 // SHAPE[0]
    assert fitting(view, (1080, 200)).zoom == 200 // SHAPE[1]
    assert fitting(view, (10, 10)).zoom == 1


def test_a_page_has_its_panels_and_the_events_of_the_axis_at_their_times(tmp_path: Path) -> None:
    view = looked(saved(tmp_path / "half.npz", of(np.r_[np.arange(0, 30_000, 3), 59_999])))
    layout = fitting(view, (960, 1280))
    images = view.images(0, 1000)
    page = Sheet(view, layout, "half", 0, view.duration).page(images, 12_000, 15_000)
    assert page.shape == (*layout.size, 3)
    (top, left), zoom = layout.corner(0), layout.zoom
    shown = page[top : top + zoom * SHAPE[0], left : left + zoom * SHAPE[1]]
    assert np.array_equal(shown[::zoom, ::zoom], images[0])
    assert np.array_equal(shown[zoom - 1 :: zoom, zoom - 1 :: zoom], images[0])
    top, bottom, left, right = layout.axis
    row = page[bottom - 4].astype(int)
    blue, paper = (np.array([round(255 * part) for part in to_rgb(color)]) for color in (BLUE, PAPER))

    def at(ms: float) -> np.ndarray:
        return row[left + round((right - left) * ms / 60)]

    assert all(np.array_equal(at(ms), blue) for ms in (1, 11.5, 15.5, 29.5))
    assert all(np.array_equal(at(ms), paper) for ms in (31, 45, 59))
    assert all(np.array_equal(at(ms), (0.75 * blue + 0.25 * np.array([28, 32, 36])).astype(int)) for ms in (12.5, 14.5))


# Files


def pages(count: int) -> list[np.ndarray]:
    """Dark pages of 80 x 120 with a red and a blue event that move, and a light strip."""
    made = []
    for number in range(count):
        page = np.full((80, 120, 3), GROUND, np.uint8)
        page[60:] = 255
        page[5 + number, 10], page[31, 101 - number] = ON, OFF
        made.append(page)
    return made


def test_an_mp4_is_what_browsers_play_frame_by_frame(tmp_path: Path) -> None:
    expected = pages(13)
    write_mp4(tmp_path / "film.mp4", expected)
    with av.open(str(tmp_path / "film.mp4")) as film:
        [stream] = film.streams
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height, stream.average_rate) == (120, 80, 25)
        decoded = [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(video=0)]
    assert len(decoded) == len(expected)
    for number, (frame, page) in enumerate(zip(decoded, expected, strict=True)):
        for color in (ON, OFF):  # a single pixel, whose color 4:2:0 would mix with that of the ground
            [place] = np.argwhere((page == color).all(axis=2))
            assert np.abs(frame[tuple(place)] - color).max() < 90, number
        assert np.abs(frame[70, 60] - 255).max() < 4
        assert np.abs(frame[45, 60] - GROUND).max() < 12


def test_a_gif_shows_every_page_in_the_very_colors(tmp_path: Path, path: Path) -> None:
    expected = pages(13)
    write_gif(tmp_path / "film.gif", expected, looked(path).colors)
    with Image.open(tmp_path / "film.gif") as film:
        assert (film.n_frames, film.info["duration"], film.info["loop"]) == (13, 40, 0)
        for number, page in enumerate(expected):
            film.seek(number)
            assert np.array_equal(np.asarray(film.convert("RGB")), page)


def test_a_png_is_the_page_for_print(tmp_path: Path) -> None:
    [page] = pages(1)
    write_png(tmp_path / "page.png", page)
    with Image.open(tmp_path / "page.png") as image:
        assert np.array_equal(np.asarray(image), page)
        assert round(image.info["dpi"][0]) == 300


def test_a_video_that_fails_half_way_leaves_nothing(tmp_path: Path, path: Path) -> None:
    def failing(times: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
        yield from itertools.islice(times, 5)
        raise ValueError("block 7 is damaged")

    for name in ("film.mp4", "film.gif"):
        with pytest.raises(ValueError, match="damaged"):
            write_video(tmp_path / name, looked(path), list(range(0, 21_000, 1000)), failing)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


# The command


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["png", "mp4", "gif", "MP4"])
def test_a_recording_is_looked_at(
    tmp_path: Path, path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new" / f"night.{kind}"
    assert unflare(monkeypatch, path, "-o", output, "--against", path, "--duration", 5) == 0
    assert capsys.readouterr().out == f"{output}\n"
    layout = Layout(SHAPE, 3, {"png": 13, "gif": 6}.get(kind, 10))
    if kind in {"png", "gif"}:
        with Image.open(output) as image:
            assert (image.height, image.width) == layout.size
    else:
        with av.open(str(output)) as film:
            assert (film.streams.video[0].height, film.streams.video[0].width) == layout.size
            assert sum(1 for _ in film.decode(video=0)) == 5
    assert [file.name for file in output.parent.iterdir()] == [output.name]


WRONG: dict[str, Callable[[Path], list[object]]] = {
    "no such file": lambda folder: [folder / "nothing.npz", "-o", folder / "a.png"],
    ".png, .mp4, .gif": lambda folder: [folder / "night.npz", "-o", folder / "a.avi"],
    "not of a folder": lambda folder: [folder / "night.npz", "-o", folder / "folder.mp4"],
    "what is looked at": lambda folder: [folder / "named.png", "-o", folder / "named.png"],
    "start: expected 0 to": lambda folder: [folder / "night.npz", "-o", folder / "a.mp4", "--start", "60.1"],
    "found -1": lambda folder: [folder / "night.npz", "-o", folder / "a.png", "--start=-1"],
    "duration": lambda folder: [folder / "night.npz", "-o", folder / "a.png", "--duration", "0"],
    "a time in ms": lambda folder: [folder / "night.npz", "-o", folder / "a.gif", "--duration", "inf"],
    "slow: expected": lambda folder: [folder / "night.npz", "-o", folder / "a.gif", "--slow", "0"],
    "--slow is for videos": lambda folder: [folder / "night.npz", "-o", folder / "a.png", "--slow", "2"],
    "--without-light is for scenes": lambda folder: [folder / "night.npz", "-o", folder / "a.png", "--without-light"],
    "events to look at": lambda folder: [folder / "empty.npz", "-o", folder / "a.png"],
    "the sensor of": lambda folder: [folder / "night.npz", "-o", folder / "a.png", "--against", folder / "other.npz"],
    "the time of": lambda folder: [folder / "night.npz", "-o", folder / "a.png", "--against", folder / "later.npz"],
    "Missing option": lambda folder: [folder / "night.npz"],
}


@pytest.mark.parametrize("said", WRONG)
def test_what_cannot_be_shown_is_one_sentence(
    said: str, path: Path, events: Events, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = path.parent
    (folder / "folder.mp4").mkdir()
    (folder / "named.png").write_bytes(path.read_bytes())
    saved(folder / "empty.npz", events[:0])
    saved(folder / "later.npz", events.shifted(70_000))
    other = Events(events.t, events.x // 2, events.y // 2, events.p, (23, 31))
    np.savez(folder / "other.npz", **{name: getattr(other, name) for name in DTYPES}, resolution=np.array([31, 23]))
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert unflare(monkeypatch, *WRONG[said](folder)) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert said in told.err
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == before
