"""Commands in processes of their own that begin in milliseconds: forks of one process that has imported everything.

A line of JSON in: the arguments, how many events are scored at a time, after how many marks the command sends itself
which signal, and how large a file may be. A line out: its exit code, standard output and error, and its peak memory.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

PROJECT = Path(__file__).parents[1]


class Done(NamedTuple):
    code: int
    out: str
    err: str
    peak: int  # KiB


class Zygote:
    def __init__(self) -> None:
        places = f"{PROJECT / 'src'}{os.pathsep}{PROJECT / 'tests'}"
        kept = os.environ | {"PYTHONPATH": places, "TERM": "dumb", "UNFLARE_DEVICE": "cpu"}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([sys.executable, __file__], stdin=pipe, stdout=pipe, text=True, env=kept)

    def __call__(self, *arguments: str | Path, **options: Any) -> Done:  # noqa: ANN401 - ready for JSON
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([list(map(str, arguments)), options]) + "\n")
        self._process.stdin.flush()
        return Done(*json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.communicate()


def serve() -> None:
    import mutation
    import numba  # noqa: F401 - as is all that follows, so that no command imports it anew
    import torch  # noqa: F401

    from unflare import cleaning  # noqa: F401
    from unflare.commands import main  # noqa: F401
    from unflare.events import foreign

    foreign.decoded = mutation.forked
    for line in sys.stdin:
        arguments, options = json.loads(line)
        sys.stdout.write(json.dumps(_forked(arguments, **options)) + "\n")
        sys.stdout.flush()


def _forked(arguments: list[str], **options: int) -> Done:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as peak:
        process = os.fork()
        if not process:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            try:
                _command(arguments, **options)
            finally:
                status = Path("/proc/self/status").read_text()
                peak.write(status.partition("VmHWM:")[2].split()[0].encode())
                peak.flush()
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(_code(sys.exc_info()[1]))
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        for file in (out, err, peak):
            file.seek(0)
        return Done(code, out.read().decode(), err.read().decode(), int(peak.read() or 0))


def _command(arguments: list[str], chunk: int = 1 << 18, marks: int = 0, number: int = 0, largest: int = -1) -> None:
    from unflare.cleaning import journal, methods, passes
    from unflare.commands import main

    methods.CHUNKS = {"cpu": chunk}
    passes.OFTEN = 0.0 if marks >= 0 else 1e9
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    left, mark = marks, journal.Journal.mark

    def marked(self: journal.Journal, passage: methods.Remembered | None) -> None:
        nonlocal left
        mark(self, passage)
        left -= 1
        if not left:
            os.kill(os.getpid(), number)

    journal.Journal.mark = marked  # type: ignore[method-assign]
    sys.argv = ["unflare", *arguments]
    main()


def _code(error: BaseException | None) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(bool(error.code))
    return 1 if error else 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        serve()
