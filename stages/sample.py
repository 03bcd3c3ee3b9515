"""The embedded data set: driven streets and drawn flares, in the layouts of DSEC and Flare7K."""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from rich.progress import track

from unflare import params, runtime
from unflare.events import EMBEDDED, aside
from unflare.synthesis.sample import write_flare, write_sequence
from unflare.synthesis.voltmeter import IMPLEMENTATION


def main(root: Path, report: Path) -> None:
    with runtime.stage(report) as record:
        p = params.load()
        workers = runtime.workers()
        record.implementations = {"simulator": IMPLEMENTATION, "processes": str(workers)}
        with aside(root) as temporary:
            temporary.mkdir()
            described = {"what": "EventMamba-FX embedded data set, made by the stage `sample`", "seed": p.seed}
            (temporary / EMBEDDED).write_text(json.dumps(described | p.sample.model_dump(mode="json"), indent=1) + "\n")
            flares = [partial(write_flare, temporary, p.seed, number) for number in range(p.sample.flares)]
            sequences = [
                partial(write_sequence, temporary, p.sample, p.sensor, p.seed, number)
                for number in range(p.sample.sequences)
            ]
            record.memory.mark("sequences and flares")
            with record.clock("sequences and flares"):
                done = runtime.parallel(call, [*sequences, *flares], workers)
                counts = list(track(done, "sequences and flares", len(sequences) + len(flares)))[: len(sequences)]
        record.facts = {"events": sum(counts), "sequences": len(counts), "flares": p.sample.flares}
        rates = np.array(counts) / p.sample.seconds / 1e6
        print(f"{len(counts)} sequences at {rates.min():.1f} to {rates.max():.1f} million events a second")


def call(job: Callable[[], int]) -> int:
    return job()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
