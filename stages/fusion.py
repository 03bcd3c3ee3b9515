"""Fusion held against the exact answer, where the background is rendered."""

import sys
from functools import partial
from pathlib import Path

from rich.progress import track

from unflare import params, runtime
from unflare.edeflare import edeflare
from unflare.synthesis.exact import cases
from unflare.synthesis.proof import prove, summary
from unflare.synthesis.voltmeter import IMPLEMENTATION


def main(report: Path) -> None:
    with runtime.stage(report) as record:
        p = params.load()
        workers = runtime.workers()
        record.implementations = {"simulator": IMPLEMENTATION}
        record.memory.mark("cases")
        one, todo = partial(prove, p.fusion, p.lamp, p.sensor, p.scenes.night_level, edeflare), cases(p.fusion, p.seed)
        with record.clock("cases"):
            proved = list(track(runtime.parallel(one, todo, workers), "cases", len(todo)))
        record.facts = {"cases": len(proved), "rows": summary([case.rows for case in proved])}
        record.worked(workers, (case.seconds for case in proved))
        for name, measures in record.facts["rows"].items():
            print(name, *(f"{measure} {value['mean']:.3f}" for measure, value in measures.items()))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
