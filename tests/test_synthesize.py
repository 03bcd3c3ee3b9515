"""The stage `synthesize` goes on where it was stopped: the same bytes whatever was killed, on any number of workers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
import yaml

from unflare.events import Events, build, write_dsec

ROOT = Path(__file__).parents[1]
SHAPE = (96, 128)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    rng = np.random.default_rng(0)
    data = folder / "data" / "sample"
    for number in range(3):
        t = np.sort(rng.integers(0, 1_000_000, 30_000))
        y, x = (rng.integers(0, side, len(t)).astype(np.uint16) for side in SHAPE)
        recording = Events(t, x, y, rng.integers(0, 2, len(t)).astype(np.uint8), SHAPE)
        write_dsec(data / f"street_{number}" / "events" / "left" / "events.h5", [recording])
        for name, width in (("Compound_Flare", 20), ("Light_Source", 6)):
            (data / "Flare-R" / name).mkdir(parents=True, exist_ok=True)
            image = np.zeros((96, 96, 3), np.uint8)
            cv2.circle(image, (48, 48), width + number, (255, 255, 255), -1)
            assert cv2.imwrite(str(data / "Flare-R" / name / f"{number}.png"), image)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["scenes"] |= {"train": 12, "validation": 3, "test": 3, "duration": 60_000}
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    build(data, 60_000, 0.2, 0.2, seed=1).save(folder / "data" / "index.json")
    synthesize(folder, "whole", workers=1)
    return folder


def command(name: str) -> list[str]:
    stage = str(ROOT / "stages" / "synthesize.py")
    return [
        sys.executable,
        stage,
        "data/index.json",
        f"{name}/scenes",
        f"{name}/synthesize.json",
        f"{name}/checkpoints",
    ]


def environment(workers: int) -> dict[str, str]:
    places = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"UNFLARE_WORKERS": str(workers), "PYTHONPATH": places}


def synthesize(folder: Path, name: str, workers: int) -> None:
    subprocess.run(command(name), cwd=folder, env=environment(workers), check=True, capture_output=True)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def disturbed(folder: Path, name: str, act: Callable[[psutil.Process], None]) -> int:
    """The stage's exit code, where something is done to it as soon as it has made a few scenes."""
    process = subprocess.Popen(command(name), cwd=folder, env=environment(2), stdout=subprocess.DEVNULL)
    while len(list((folder / name / "checkpoints").rglob("*.json"))) < 4:
        assert process.poll() is None, "it ended before it was disturbed"
        time.sleep(0.01)
    act(psutil.Process(process.pid))
    return process.wait()


def workers_of(stage: psutil.Process) -> list[psutil.Process]:
    return [child for child in stage.children() if "spawn_main" in " ".join(child.cmdline())]


def facts(folder: Path, name: str) -> dict[str, object]:
    return json.loads((folder / name / "synthesize.json").read_text(encoding="utf-8"))["facts"]


@pytest.mark.slow
def test_two_workers_make_the_bytes_of_one(project: Path) -> None:
    synthesize(project, "two", workers=2)
    assert len(content(project / "whole/scenes")) == 18
    assert content(project / "two/scenes") == content(project / "whole/scenes")
    assert facts(project, "two") == facts(project, "whole")
    assert not (project / "two/checkpoints/scenes").exists()


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(project: Path) -> None:
    assert disturbed(project, "worker", lambda stage: workers_of(stage)[0].kill()) == 0
    assert content(project / "worker/scenes") == content(project / "whole/scenes")


@pytest.mark.slow
def test_a_killed_stage_goes_on_and_its_workers_end_with_it(project: Path) -> None:
    workers: list[psutil.Process] = []

    def kill(stage: psutil.Process) -> None:
        workers.extend(workers_of(stage))
        stage.kill()

    assert disturbed(project, "stage", kill) < 0
    assert len(workers) == 2
    assert not psutil.wait_procs(workers, timeout=60)[1]
    made = {path: path.stat().st_mtime_ns for path in (project / "stage/checkpoints").rglob("*.h5")}
    synthesize(project, "stage", workers=2)
    assert content(project / "stage/scenes") == content(project / "whole/scenes")
    again = facts(project, "stage")
    assert again["scenes_from_before"] >= 4
    assert again | {"scenes_from_before": 0} == facts(project, "whole")
    kept = {path.stat().st_mtime_ns for path in (project / "stage/scenes").rglob("*.h5")}
    assert len(kept & set(made.values())) == again["scenes_from_before"]


@pytest.mark.slow
def test_workers_of_a_scheduler_make_the_bytes_of_one_even_if_one_is_killed(
    project: Path,
    cluster: Any,  # noqa: ANN401 (of a package that may be missing)
    scheduler: str,
) -> None:
    def kill(_: psutil.Process) -> None:
        os.kill(cluster.workers[0].process.pid, signal.SIGKILL)

    assert disturbed(project, "dask", kill) == 0
    assert content(project / "dask/scenes") == content(project / "whole/scenes")
    assert facts(project, "dask") == facts(project, "whole")
    assert not (project / "dask/checkpoints/scenes").exists()
    assert not list((project / ".unflare").iterdir())


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_stops_the_stage_with_one_sentence(project: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra `dask`")
    nobody = environment(2) | {"UNFLARE_DASK": "tcp://127.0.0.1:9"}
    ended = subprocess.run(command("nobody"), cwd=project, env=nobody, check=False, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert "no scheduler answers at tcp://127.0.0.1:9" in ended.stderr
    assert not (project / "nobody").exists()


@pytest.mark.slow
def test_scenes_of_another_synthesis_are_not_gone_on_from(project: Path) -> None:
    assert disturbed(project, "other", lambda stage: stage.kill()) < 0
    image = next((project / "data/sample/Flare-R/Light_Source").glob("*.png"))
    os.utime(image)
    synthesize(project, "other", workers=2)
    assert facts(project, "other")["scenes_from_before"] == 0
