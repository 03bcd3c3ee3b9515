"""How far a command is: events, events a second, time left; and how it stops."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import typer

RESUME = "nothing is written yet; the same command with --resume goes on"


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Takes events done and events in all. On a terminal it is a bar; elsewhere nothing is shown."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(what),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} events, {task.fields[speed]} events/s, left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task(what, total=0, speed="...")

        def told(done: int, total: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, total=total, speed=f"{speed:,.0f}" if speed else "...")

        yield told


@contextmanager
def stoppable(resume: str) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block with one sentence, which says how to go on, and the exit code of the signal."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _Stopped(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except _Stopped as stopped:
        typer.echo(f"unflare: stopped; {resume}", err=True)
        raise typer.Exit(128 + stopped.number) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Stopped(BaseException):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
