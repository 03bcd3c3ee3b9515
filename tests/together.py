"""What test_ranks makes two ranks do: `together.py train FOLDER MISHAP`, or `wait` for `train`."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from unflare import runtime

if TYPE_CHECKING:
    from unflare.training import Session

STEP = 12  # at which a mishap comes over rank 1


def breaks(_: runtime.Record) -> None:
    raise RuntimeError("a bug\nof two lines")


def dies(_: runtime.Record) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def grows(record: runtime.Record) -> None:
    record.memory.limit = runtime.Limit(1, "a test")
    record.memory._next = 0.0


def is_well(_: runtime.Record) -> None:
    pass


MISHAPS: dict[str, Callable[[runtime.Record], None]]
MISHAPS = {"breaks": breaks, "dies": dies, "grows": grows, "none": is_well}


def wait(folder: Path, mishap: Path) -> None:
    """Ranks that meet again and again, and leave their process ids."""
    with runtime.stage(folder / "train.json") as record, runtime.joined(torch.device("cpu"), record.clock) as ranks:
        (folder / f"{ranks.number}.pid").write_text(str(os.getpid()))
        for step in range(1, 500_000):
            ranks.mean(torch.ones(()))
            if step == STEP and ranks.number == 1:
                MISHAPS[mishap.name](record)


def train(folder: Path, mishap: Path) -> None:
    """The training of test_session, with what it ends with in result.pt."""
    from test_session import caches_of, session

    from unflare import params

    with runtime.stage(folder / "train.json", computes=True) as record:
        with runtime.joined(record.device, record.clock) as ranks:
            p = params.load(folder / "params.yaml")
            it = session(folder, p, ranks, record.device)
            for row in it.rows(*caches_of(folder, p).values(), p.seed, 0, record.memory):
                if row["step"] == STEP - 1 and ranks.number == 1:
                    MISHAPS[mishap.name](record)
        if ranks.first:
            torch.save(outcome(it), folder / "result.pt")


def outcome(it: "Session") -> dict[str, Any]:
    """What a training comes to: its curves, without empty places, and its best weights."""
    table = {name: torch.from_numpy(column[column == column]) for name, column in it.history.table.items()}
    return {"table": table, "weights": it.trainer.best}


if __name__ == "__main__":
    runtime.ranked("train", {"train": train, "wait": wait}[sys.argv[1]], *map(Path, sys.argv[2:]))
