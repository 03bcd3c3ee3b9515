"""The view of a file: a scene's, a recording's, or that of two recordings."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from unflare.events import is_scene, load_scene, open_recording
from unflare.preview.recorded import Recorded
from unflare.preview.view import View

INDEX = Path("data/index.json")


@contextmanager
def opened(path: Path, against: Path | None, shape: tuple[int, int] | None = None, *, light: bool) -> Iterator[View]:
    """What there is to see in a file, and beside it in `against`; `light`: a scene's is rendered again.

    `shape` is the sensor (height, width), for recordings that do not say it.

    Raises FileNotFoundError, or ValueError of one sentence.
    """
    if is_scene(path):
        if against:
            raise ValueError(f"{path}: a scene has its truth beside it; --against is for two recordings")
        yield _scenery(path, light=light)
        return
    if not light:
        raise ValueError(f"{path}: --without-light is for scenes, and this is a recording")
    with ExitStack() as stack:
        yield Recorded(*(stack.enter_context(open_recording(one, shape)) for one in (path, against) if one))


def _scenery(path: Path, *, light: bool) -> View:
    from unflare.preview.scenery import Scenery, light_of

    scene = load_scene(path)
    return Scenery(path, scene, light_of(path, scene, INDEX) if light else None, lit=light)
