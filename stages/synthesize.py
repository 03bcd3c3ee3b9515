"""Flare scenes with a truth, from the recordings and flare images of each split."""

import sys
from functools import partial
from pathlib import Path

from rich.progress import track

from unflare import params, runtime
from unflare.events import SPLITS, Index
from unflare.synthesis.account import account, make_and_save
from unflare.synthesis.compose import plan
from unflare.synthesis.unfinished import Unfinished, identity
from unflare.synthesis.voltmeter import IMPLEMENTATION


def main(index_path: Path, scenes: Path, report: Path, checkpoints: Path) -> None:
    with runtime.stage(report) as record:
        p = params.load()
        index = Index.load(index_path)
        workers = runtime.workers()
        record.implementations = {"simulator": IMPLEMENTATION, "fusion": p.scenes.rule}
        jobs = [job for split in SPLITS for job in plan(index, split, p.scenes, p.seed)]
        unfinished = Unfinished(checkpoints / "scenes", identity(p.scenes, p.lamp, p.sensor, jobs))
        before = [made for job in jobs if (made := unfinished.made(job))]
        missing = [job for job in jobs if not unfinished.made(job)]
        record.memory.mark("scenes")
        make = partial(make_and_save, unfinished.folder, p.scenes, p.lamp, p.sensor)
        with record.clock("generation"):
            done = runtime.parallel(make, missing, workers)
            new = list(track(done, "scenes", len(jobs), completed=len(before)))
        unfinished.move(jobs, scenes)
        record.facts = account([*before, *new]) | {"simulator": IMPLEMENTATION, "scenes_from_before": len(before)}
        record.worked(workers, (scene.seconds for scene in new))
        events = record.facts["events"]
        print(f"{len(jobs)} scenes, {events:,} events, {record.facts['events_flare'] / events:.0%} of them flare")
        print(f"{len(new) / record.clock.parts()['generation'] * 3600:,.0f} scenes an hour with {workers} workers")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
