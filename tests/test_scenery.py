"""Laws of looking at a scene: its light is rendered again as it was, its events are where and what they are."""

import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from unflare import params
from unflare.commands import main
from unflare.events import Events, Index, Scene, build, load_scene, save_scene, write_dsec
from unflare.preview.opening import opened
from unflare.preview.scenery import Scenery, light_of
from unflare.reporting.colors import BLUE, ORANGE
from unflare.reporting.pictures import GROUND, OFF, ON
from unflare.runtime import Clock
from unflare.synthesis.compose import SCENARIOS, Job, make_scene
from unflare.synthesis.light import scattered_part

SHAPE = (96, 128)
PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of three recordings and three pairs of images, and one scene of each scenario."""
    root = tmp_path_factory.mktemp("project")
    rng = np.random.default_rng(0)
    for number in range(3):
        t = np.sort(rng.integers(0, 1_000_000, 300_000))
        y, x = (rng.integers(0, side, len(t)).astype(np.uint16) for side in SHAPE)
        recording = Events(t, x, y, rng.integers(0, 2, len(t)).astype(np.uint8), SHAPE)
        write_dsec(root / f"raw/street_{number}/events/left/events.h5", [recording])
        write_flare(root / "raw", number, radius=30 + 4 * number)
    index = build(root / "raw", 60_000, 0.2, 0.2, seed=1)
    index.save(root / "data/index.json")
    p = params.load(PROJECT / "params.yaml")
    lamp = p.lamp.model_copy(update={"translation": 0.1, "floor": (0.3, 0.4), "brightness": (0.7, 0.8)})
    for number, scenario in enumerate(SCENARIOS):
        job = Job(
            index.root, "test", number, scenario, index.sequences["test"][0], index.flares["test"][0], seed=number
        )
        save_scene(root / f"{scenario}.h5", make_scene(p.scenes, lamp, p.sensor, job, Clock()))
    return root


def write_flare(data: Path, number: int, radius: int) -> None:
    """A white source in a gray disc."""
    image = np.zeros((96, 96, 3), np.uint8)
    for name, size, gray in (("Compound_Flare", radius, 90), ("Light_Source", 8, 0)):
        cv2.circle(image, (48, 48), size, (gray,) * 3, -1)
        cv2.circle(image, (48, 48), 8, (255, 255, 255), -1)
        path = data / "Flare-R" / name / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), image)
        image[:] = 0


@pytest.fixture
def root(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    index = Index.load(Path("data/index.json"))
    index.model_copy(update={"root": tmp_path / "project" / "raw"}).save(Path("data/index.json"))
    return tmp_path / "project"


def colors(*names: str) -> list[list[int]]:
    return [[round(255 * part) for part in to_rgb(name)] for name in names]


@pytest.mark.parametrize("scenario", ["mixed", "flare_only"])
def test_the_light_of_a_recipe_bounds_every_label(root: Path, scenario: str) -> None:
    scene = load_scene(root / f"{scenario}.h5")
    light = light_of(root / f"{scenario}.h5", scene, root / "data/index.json")
    assert light is not None
    part = scattered_part(light.flare.at, light.source.at, scene.events)
    assert (scene.flare > 0).mean() > 0.1
    assert np.all(scene.flare <= part + 1e-6)
    if scenario == "flare_only":  # nothing else can have fired it
        assert np.allclose(scene.flare, part, atol=1e-5)


def test_the_panel_of_light_shows_what_shines_where_and_how_bright(root: Path) -> None:
    scene = load_scene(root / "mixed.h5")
    light = light_of(root / "mixed.h5", scene, root / "data/index.json")
    view = Scenery(root / "mixed.h5", scene, light, lit=True)
    y, x = (place.ravel() for place in np.indices(SHAPE))
    for t in (0, 20_000, 59_000):
        panel = view.images(t, t + 1000)[0]
        flare, source = (glow.at(np.full(len(x), t + 500), x, y).reshape(SHAPE) for glow in light)
        brightness = panel.max(axis=2)
        assert np.array_equal(brightness > 0, flare > np.expm1(np.log1p(255) * 0.5 / 224))
        order = np.argsort(flare[source == 0])
        assert np.all(np.diff(brightness[source == 0][order].astype(int)) >= 0)
        gray = panel.max(axis=2) - panel.min(axis=2) < 10
        assert np.all(gray[(source > 0.97 * flare) & (flare > 1)])
        assert not np.any(gray[(source < 0.5 * flare) & (flare > 1)])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_events_are_colored_by_source_and_by_polarity(root: Path, scenario: str) -> None:
    scene = load_scene(root / f"{scenario}.h5")
    with opened(root / f"{scenario}.h5", None, light=True) as view:
        assert view.duration == 60_000
        for start in range(0, 60_000, 6000):
            expected = np.full((3, *SHAPE, 3), GROUND, np.uint8)
            blue, orange = colors(BLUE, ORANGE)
            for i in np.flatnonzero((scene.events.t >= start) & (scene.events.t < start + 6000)):
                place = scene.events.y[i], scene.events.x[i]
                expected[0][place] = orange if scene.flare[i] > 0.5 else blue
                expected[1][place] = ON if scene.events.p[i] else OFF
            truth = scene.truth.between(start, start + 6000)
            expected[2][truth.y, truth.x] = np.where(truth.p[:, None] == 1, ON, OFF)
            dark, *panels = view.images(start, start + 6000)
            assert np.array_equal(panels, expected)
            assert dark.any() == (scenario != "background_only")
        flare, background = view.layers(np.arange(0, 60_001, 1000))
        for layer, t in ((flare, scene.events.t), (background, scene.events.t[scene.flare <= 0.5])):
            assert np.array_equal(layer.counts, np.bincount(t // 1000, minlength=61)[:60])


def unflare(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["unflare", "preview", *arguments])
    with pytest.raises(SystemExit) as ending:
        main()
    return int(ending.value.code or 0)


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert unflare(monkeypatch, *arguments, "-o", "a.png") == 2
    assert not Path("a.png").exists()
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    return told.err


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["index", "image", "name", "another", "damaged"])
def test_without_its_images_a_scene_is_shown_without_its_light_alone(
    root: Path, broken: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    index = Index.load(Path("data/index.json"))
    image = index.root / index.flares["test"][0].flare
    match broken:
        case "index":
            Path("data/index.json").unlink()
        case "image":
            image.unlink()
        case "name":
            index.model_copy(update={"flares": {**index.flares, "test": ()}}).save(Path("data/index.json"))
        case "another":
            write_flare(index.root, int(image.stem), radius=8)
        case "damaged":
            image.write_bytes(image.read_bytes()[:100])
    said = refused(monkeypatch, capsys, "mixed.h5")
    assert "--without-light" in said
    assert ("another image" in said) == (broken == "another")
    assert unflare(monkeypatch, "mixed.h5", "--without-light", "-o", "a.png") == 0
    assert unflare(monkeypatch, "background_only.h5", "-o", "b.png") == 0  # needs none


@pytest.mark.slow
def test_a_scene_has_four_panels_or_three(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for options, ratio in (([], 1.0), (["--without-light"], 0.4)):
        assert unflare(monkeypatch, "flare_only.h5", "-o", "scene.png", *options) == 0
        with Image.open("scene.png") as image:
            assert image.height / image.width == pytest.approx(ratio, abs=0.1)


def test_a_scene_is_compared_with_nothing_and_a_recipe_must_be_whole(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--against" in refused(monkeypatch, capsys, "mixed.h5", "--against", "flare_only.h5")
    scene = load_scene(root / "mixed.h5")
    for missing in ("lamps", "duration"):
        recipe = {name: value for name, value in scene.recipe.items() if name != missing}
        save_scene(root / "poor.h5", Scene(scene.events, scene.flare, scene.truth, recipe))
        assert missing in refused(monkeypatch, capsys, "poor.h5")
