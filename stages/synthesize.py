"""Flare scenes with a truth, from the recordings and flare images of each split."""

import sys
from functools import partial
from pathlib import Path

from rich.progress import track

from unflare import params, runtime
from unflare.events import SPLITS, Index, aside
from unflare.synthesis.account import account, make_and_save
from unflare.synthesis.compose import plan
from unflare.synthesis.voltmeter import IMPLEMENTATION


def main(index_path: Path, scenes: Path, report: Path) -> None:
    with runtime.stage(report) as record:
        p = params.load()
        index = Index.load(index_path)
        workers = runtime.workers()
        record.implementations = {"simulator": IMPLEMENTATION, "fusion": p.scenes.rule}
        jobs = [job for split in SPLITS for job in plan(index, split, p.scenes, p.seed)]
        record.memory.mark("scenes")
        with aside(scenes) as folder:
            make = partial(make_and_save, folder, p.scenes, p.lamp, p.sensor)
            with record.clock("generation"):
                made = list(track(runtime.parallel(make, jobs, workers), "scenes", len(jobs)))
        record.facts = account(made) | {"simulator": IMPLEMENTATION}
        record.worked(workers, (scene.seconds for scene in made))
        events = record.facts["events"]
        print(f"{len(made)} scenes, {events:,} events, {record.facts['events_flare'] / events:.0%} of them flare")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
