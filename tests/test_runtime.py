"""The clock's parts are the wall; memory belongs to its phase; jobs come back in order; bad input is one sentence."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from jobs import fatal, square

from unflare import runtime
from unflare.runtime.limits import group_free, host_limit, size


class Hands:
    """A clock that goes on when it is told to, and by `look` each time that it is read."""

    def __init__(self) -> None:
        self.now, self.look = 100.0, 0.0

    def perf_counter(self) -> float:
        self.now += self.look
        return self.now

    def thread_time(self) -> float:
        return 0.0

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    it = Hands()
    monkeypatch.setattr("unflare.runtime.clock.time", it)
    monkeypatch.setattr("unflare.runtime.memory.time", it)
    return it


def test_parts_and_rest_sum_to_the_wall(hands: Hands) -> None:
    clock = runtime.Clock(elapsed=2.0)
    with clock("outer"):
        hands.pass_(20)
        with clock("inner"):
            hands.pass_(40)
        hands.pass_(10)
    hands.pass_(5)
    assert clock.parts() == {"start-up": 2, "outer": 30, "inner": 40, "rest": 5}
    assert clock.total == 77


def test_making_an_item_is_a_part_and_using_it_is_not(hands: Hands) -> None:
    def slow() -> Iterator[int]:
        for number in range(3):
            hands.pass_(20)
            yield number

    clock = runtime.Clock()
    with clock("using"):
        for _ in clock.over("making", slow()):
            hands.pass_(10)
    assert clock.seconds == {"using": 30, "making": 60}


def test_all_borders_are_counted_at_what_one_costs(hands: Hands) -> None:
    hands.look = 1.0
    clock = runtime.Clock()
    for _ in range(10):
        with clock("part"):
            pass
    borders, seconds = clock.cost()
    assert borders == 20
    assert seconds == pytest.approx(20, rel=0.01)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_work_of_a_device_goes_to_the_part_that_asked_for_it() -> None:
    device = torch.device("cuda")
    x = torch.randn(8192, 8192, device=device)
    torch.cuda.synchronize()
    clock = runtime.Clock(device)
    with clock.queued("much"):
        for _ in range(20):
            y = x @ x
    with clock.queued("little"):
        y.add_(1)
        y[0, 0].item()
    with clock("host"):
        time.sleep(0.01)
    parts = clock.parts()
    assert parts["much"] > 0.7 * clock.total
    assert 0.01 <= parts["host"] < 0.02
    assert abs(parts["rest"]) < 0.02 * clock.total


def test_the_guard_stops_between_two_steps() -> None:
    with runtime.Memory(runtime.Limit(10**15, "a test"), interval=10) as memory:
        memory.mark("training", 7)
        memory.limit = runtime.Limit(1, "a test")
        with pytest.raises(runtime.MemoryLimit, match=r"phase `more`, step 8, 0.00 GiB allowed \(a test\)"):
            memory.mark("more", 8)


def test_a_guard_that_has_spoken_leaves_the_saving_alone() -> None:
    """The thread looks many times while what there is gets saved, and interrupts no more."""
    with runtime.Memory(runtime.Limit(10**15, "a test"), interval=0.01) as memory:
        memory.limit = runtime.Limit(1, "a test")
        try:
            memory.mark("training", 7)
        except runtime.MemoryLimit:
            time.sleep(0.2)


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["in a terminal", "in the background"])
def started(request: pytest.FixtureRequest) -> Iterator[None]:
    former = signal.signal(signal.SIGINT, request.param)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("started")
def test_the_guard_stops_where_no_step_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def stage() -> None:
        with runtime.stage(tmp_path / "train.json") as record:
            record.memory.mark("threshold", 60)
            record.memory.limit = runtime.Limit(1, "a test")
            for _ in range(1000):
                time.sleep(0.01)

    with pytest.raises(SystemExit) as ending:
        stage()
    assert ending.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("train: memory: ")
    assert "of host memory taken in phase `threshold`, step 60" in message
    assert not (tmp_path / "train.json").exists()


def test_a_device_without_memory_left_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def stage() -> None:
        with runtime.stage(tmp_path / "train.json") as record:
            record.memory.mark("threshold", 60)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has 79 GiB.")

    with pytest.raises(SystemExit) as ending:
        stage()
    assert ending.value.code == 2
    message = capsys.readouterr().err
    assert message.startswith("train: memory: the device's memory")
    assert message.endswith("ran out in phase `threshold`, step 60: Tried to allocate 20.00 MiB\n")


def test_memory_that_is_back_is_no_breach() -> None:
    with runtime.Memory(runtime.Limit(10**15, "a test"), interval=10) as memory:
        memory.limit = runtime.Limit(1, "a test")
        memory._sample()
        memory.limit = runtime.Limit(10**15, "a test")
        memory.mark("training", 1)


def test_a_long_run_has_a_thin_curve(hands: Hands) -> None:
    """Six samples a second for a quarter of an hour, then fewer and fewer: the logarithm of the time."""
    hands.look = 0.05
    with runtime.Memory(interval=10**6) as memory:
        for step in range(200_000):
            memory.mark("training", step)
            if step == 100_000:
                half = len(memory.curve)
    assert 5000 < half < 14_000
    assert len(memory.curve) - half < 3600  # ln 2 / THINNING, and a little


def test_sizes_are_read_strictly() -> None:
    assert [size(text) for text in ("8GiB", "500M", "1.5 g", "1048576")] == [2**33, 500 * 2**20, 3 * 2**29, 2**20]
    for text in ("", "0", "8 bananas", "-1G", "1e9"):
        with pytest.raises(ValueError, match="expected a size"):
            size(text)


def test_the_limit_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNFLARE_MEMORY_LIMIT", "3GiB")
    assert host_limit() == runtime.Limit(3 * 2**30, "UNFLARE_MEMORY_LIMIT")
    monkeypatch.setenv("UNFLARE_MEMORY_LIMIT", "much")
    with pytest.raises(ValueError, match="UNFLARE_MEMORY_LIMIT: expected a size"):
        host_limit()
    monkeypatch.delenv("UNFLARE_MEMORY_LIMIT")
    assert host_limit().bytes < psutil.virtual_memory().total * 1.01


@pytest.mark.parametrize(
    ("line", "names", "none"),
    [
        ("0::/a/b", ("memory.max", "memory.current", "inactive_file"), "max"),
        (
            "4:memory:/a/b",
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
            "9223372036854771712",
        ),
    ],
)
def test_control_groups_leave_what_is_left(tmp_path: Path, line: str, names: tuple[str, str, str], none: str) -> None:
    own = tmp_path / "cgroup"
    own.write_text(f"3:cpuset:/x\n{line}\n")
    root = tmp_path / "fs" / ("memory" if "memory:" in line else "")
    for folder, (limit, usage, cache) in {"a/b": (none, 50, 0), "a": ("1000", 300, 100)}.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name, value in zip(names, (limit, usage, f"{names[2]} {cache}"), strict=True):
            file = "memory.stat" if name == names[2] else name
            (root / folder / file).write_text(f"{value}\n")
    assert list(group_free(tmp_path / "fs", own)) == [800]


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


@pytest.mark.slow
def test_jobs_come_back_in_order_and_a_failure_is_raised() -> None:
    assert list(runtime.parallel(square, range(5), 2)) == [0, 1, 4, 9, 16]
    with pytest.raises(ValueError, match="job -1"):
        list(runtime.parallel(square, [1, -1, 2], 2))


@pytest.mark.slow
def test_a_killed_worker_loses_nothing_and_one_that_always_dies_is_given_up(tmp_path: Path) -> None:
    mark = tmp_path / "killed"
    assert list(runtime.parallel(fatal, [(mark, number) for number in range(6)], 2)) == list(range(6))
    assert mark.exists()
    with pytest.raises(ChildProcessError, match=r"3 times in a row one was killed .* job 2 of 3"):
        list(runtime.parallel(fatal, [(mark, 0), (mark, 9), (mark, 1)], 1))


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
    ("name", "value"),
    [("UNFLARE_DEVICE", "tpu"), ("UNFLARE_WORKERS", "0"), ("UNFLARE_WORKERS", "x"), ("UNFLARE_LOADERS", "-1")],
)
def test_the_environment_is_read_strictly(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    ask = {
        "UNFLARE_DEVICE": runtime.device,
        "UNFLARE_WORKERS": runtime.workers,
        "UNFLARE_LOADERS": runtime.loaders,
    }[name]
    with pytest.raises(ValueError, match=name):
        ask()


def test_a_wrong_device_ends_a_stage_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNFLARE_DEVICE", "tpu")
    with pytest.raises(SystemExit), runtime.stage(tmp_path / "train.json", computes=True):
        pytest.fail("the stage must not begin")
    assert capsys.readouterr().err == "train: UNFLARE_DEVICE: expected cpu or cuda, found 'tpu'\n"
