"""GPUS=n: a stage as n ranks of this machine, by torch's launcher; and how they end.

The process that DVC started launches them and waits. What ends a rank ends all of them, with one sentence.
"""

import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING, Any

from unflare.runtime import ranks
from unflare.runtime.ending import one_sentence, refusals, sentence
from unflare.runtime.machine import cores, device, gpus

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing import ProcessFailure

LOOK = 0.5  # seconds between two looks of a rank at its launcher
HASTE = 10  # seconds within which a rank's end is noticed; another that does not end by itself is killed after 30
ENDED = 128 + signal.SIGTERM  # exit code of a rank that was told to end


def ranked(name: str, main: Callable[..., None], *arguments: Path) -> None:
    """`main` of the stage `name`, in this process, or in the ranks that the environment asks for."""
    if ranks.launched():
        _rank(main, *arguments)
        return
    with one_sentence(name):
        count = gpus()
        if count > 1:
            _launch(count)
            return
    main(*arguments)


def _launch(count: int) -> None:
    """This very command in `count` processes. Raises ChildProcessError, with the cause, unless all of them end well."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable(logging.ERROR)  # what torch says of a rank that ended is said here, in one sentence
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // count)))
    with TemporaryDirectory() as folder:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=count,
            logs_specs=DefaultLogsSpecs(folder, redirects=dict.fromkeys(range(1, count), Std.OUT)),
            run_id=uuid.uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=0,
            virtual_local_rank=device().type == "cuda",  # a rank sees its own device alone, in every thread of it
            signals_to_handle="SIGTERM,SIGINT",  # a hangup stays what nohup makes of it
        )
        try:
            elastic_launch(config, sys.executable)(*sys.orig_argv[1:])
        except ChildFailedError as error:
            raise ChildProcessError(_cause(error.failures, count)) from None
        except SignalException as error:
            raise ChildProcessError(f"ended by {error.sigval.name}") from None


def _cause(failures: "Mapping[int, ProcessFailure]", count: int) -> str:
    """What ended the rank that ended first: the others fail because of it, or are made to end."""
    number, first = min(failures.items(), key=lambda item: _moment(item[1]))
    if said := _said(first):
        return str(said["message"])
    ended = f"was killed by {first.signal_name()}" if first.exitcode < 0 else f"ended with exit code {first.exitcode}"
    return f"rank {number} of {count} {ended}"


def _moment(failure: "ProcessFailure") -> float:
    """When a rank failed, as it says; one that was killed says nothing, and torch knows only when it looked."""
    if said := _said(failure):
        return float(said["timestamp"])
    return inf if failure.exitcode in {-signal.SIGTERM, ENDED} else failure.timestamp - HASTE


def _said(failure: "ProcessFailure") -> dict[str, Any] | None:
    """What the rank has written of its end, if it could."""
    data = failure.error_file_data
    return data if isinstance(data, dict) and "timestamp" in data else None


def _rank(main: Callable[..., None], *arguments: Path) -> None:
    """`main` as one of the ranks. An error goes to the launcher, which says it once, whichever ranks have met it."""
    signal.signal(signal.SIGTERM, _end)
    threading.Thread(target=_end_with_launcher, args=(os.getppid(),), name="launcher", daemon=True).start()
    try:
        main(*arguments)
    except BaseException as error:  # noqa: BLE001 - whatever it is, this process ends with it
        told = isinstance(error, KeyboardInterrupt)
        if not told:
            _report(error)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ENDED if told else 2)  # an ordinary exit would wait for the other ranks


def _report(error: BaseException) -> None:
    """The sentence into the file that the launcher reads; UNFLARE_TRACE=1 shows where it was raised."""
    if os.environ.get("UNFLARE_TRACE"):
        traceback.print_exception(error)
    text = f"rank {ranks.number()} of {ranks.count()}: {type(error).__name__}: {error}"
    text = sentence(error) if isinstance(error, refusals()) else " ".join(text.split())
    content = {"message": text, "timestamp": time.time()}
    Path(os.environ["TORCHELASTIC_ERROR_FILE"]).write_text(json.dumps(content), encoding="utf-8")


def _end(number: int, frame: FrameType | None) -> None:
    """Ends the rank in order, as Ctrl-C does; one that is ending already, with an error of its own, is left to it."""
    if sys.exception() is None:
        raise KeyboardInterrupt


def _end_with_launcher(launcher: int) -> None:
    """A rank whose launcher was killed would train on, and meet the next training at its checkpoint."""
    while os.getppid() == launcher:
        time.sleep(LOOK)
    os._exit(1)
