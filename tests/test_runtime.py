"""The clock's parts are the wall; memory belongs to its phase; jobs come back in order; bad input is one sentence."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from unflare import runtime


def test_parts_and_rest_sum_to_the_wall() -> None:
    clock = runtime.Clock()
    with clock("outer"):
        time.sleep(0.02)
        with clock("inner"):
            time.sleep(0.04)
        time.sleep(0.02)
    time.sleep(0.01)
    parts = clock.parts()
    assert sum(parts.values()) == pytest.approx(clock.total, abs=5e-3)
    assert parts["inner"] >= 0.04
    assert parts["outer"] >= 0.04
    assert parts["rest"] >= 0.01
    assert parts["outer"] + parts["inner"] <= parts["outer"] + clock.total - parts["rest"]


def test_an_inner_part_pauses_the_outer_one() -> None:
    clock = runtime.Clock()
    with clock("outer"), clock("inner"):
        time.sleep(0.05)
    assert clock.seconds["inner"] >= 0.05
    assert clock.seconds["outer"] < 0.02


def test_memory_shows_an_allocation_in_its_phase() -> None:
    with runtime.Memory(interval=0.01) as memory:
        memory.mark("before")
        memory.mark("held", 1)
        block = np.ones(64 << 20, np.uint8)
        memory.mark("after", 2)
        size = block.nbytes
    held = [sample.rss for sample in memory.curve if sample.phase == "after"]
    before = [sample.rss for sample in memory.curve if sample.phase == "before"]
    assert held[0] - before[0] > 0.8 * size
    assert memory.peak >= held[0]
    assert memory.curve[0].phase == "start"
    assert memory.curve[-1].phase == "end"


def square(number: int) -> int:
    if number < 0:
        raise ValueError(f"job {number}: expected a number not below 0")
    return number * number


@pytest.mark.slow
def test_jobs_come_back_in_order_and_a_failure_is_raised() -> None:
    assert list(runtime.parallel(square, range(5), 2)) == [0, 1, 4, 9, 16]
    with pytest.raises(ValueError, match="job -1"):
        list(runtime.parallel(square, [1, -1, 2], 2))


def test_a_stage_leaves_its_record(tmp_path: Path) -> None:
    with runtime.stage(tmp_path / "stages" / "prepare.json") as record:
        record.facts["images"] = 3
        with record.clock("reading"):
            pass
    content = json.loads((tmp_path / "stages" / "prepare.json").read_text())
    assert content["stage"] == "prepare"
    assert content["facts"] == {"images": 3}
    assert sum(content["parts"].values()) == pytest.approx(content["seconds"], abs=0.01)


def test_a_stage_ends_on_bad_input_with_one_sentence_and_no_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending, runtime.stage(tmp_path / "prepare.json"):
        raise ValueError("data: expected a folder")
    assert ending.value.code == 2
    assert capsys.readouterr().err == "prepare: data: expected a folder\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "value"), [("UNFLARE_DEVICE", "tpu"), ("UNFLARE_WORKERS", "0"), ("UNFLARE_WORKERS", "x")]
)
def test_the_environment_is_read_strictly(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    ask = runtime.device if name == "UNFLARE_DEVICE" else runtime.workers
    with pytest.raises(ValueError, match=name):
        ask()


def test_a_wrong_device_ends_a_stage_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNFLARE_DEVICE", "tpu")
    with pytest.raises(SystemExit), runtime.stage(tmp_path / "train.json", computes=True):
        pytest.fail("the stage must not begin")
    assert capsys.readouterr().err == "train: UNFLARE_DEVICE: expected cpu or cuda, found 'tpu'\n"
