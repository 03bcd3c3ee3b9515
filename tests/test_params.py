"""params.yaml is read strictly: a fault is a line with its place."""

from pathlib import Path

import pytest
import yaml

from unflare import params

PATH = Path(__file__).parents[1] / "params.yaml"


def changed(tmp_path: Path, place: str, value: object) -> Path:
    content = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    section, key = place.split(".")
    if value is None:
        del content[section][key]
    else:
        content[section][key] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_the_file_of_the_project_is_valid() -> None:
    assert params.load(PATH).training.batch == 2


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("network.layers", 0),
        ("network.n_layers", 4),
        ("network.layers", None),
        ("training.batch", "two"),
        ("training.learning_rate", float("nan")),
        ("training.lead", 1_000_000),
        ("lamp.hertz", [140.0, 80.0]),
        ("scenes.night_level", [80.0, 4.0]),
        ("scenes.night_level", [0.0, 80.0]),
        ("sensor.k", [1.0, 2.0]),
        ("scenes.rule", "magic"),
        ("data.test", 1.5),
    ],
)
def test_a_fault_names_its_place(tmp_path: Path, place: str, value: object) -> None:
    with pytest.raises(ValueError, match=place.split(".")[0]) as fault:
        params.load(changed(tmp_path, place, value))
    assert place.split(".")[1] in str(fault.value)


def test_a_small_number_without_a_point_is_the_number(tmp_path: Path) -> None:
    path = changed(tmp_path, "training.learning_rate", "1e-3")  # PyYAML reads a string, DVC a float
    assert params.load(path).training.learning_rate == 1e-3


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        params.load(tmp_path / "params.yaml")


def test_parameters_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        params.load(PATH).training.batch = 4  # type: ignore[misc]
