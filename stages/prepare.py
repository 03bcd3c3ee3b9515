"""Find, validate and split the sequences and flare images below data.root."""

import sys
from pathlib import Path

from unflare import params, runtime
from unflare.events import SPLITS, build, unpacked


def main(index_path: Path, sequences: Path, report: Path) -> None:
    with runtime.stage(report) as record:
        p = params.load()
        with record.clock("unpacking"), unpacked(p.data.root, sequences), record.clock("validation"):
            index = build(p.data.root, p.scenes.duration, p.data.validation, p.data.test, p.seed, sequences)
        with record.clock("writing"):
            index.save(index_path)
            lines = index.summary()
        record.facts = {
            "root": str(p.data.root),
            "data_kind": "embedded" if index.embedded else "real",
            "sequences": {split: len(index.sequences[split]) for split in SPLITS},
            "flares": {split: len(index.flares[split]) for split in SPLITS},
            "windows": sum(sequence.windows for split in SPLITS for sequence in index.sequences[split]),
            "events": sum(sequence.count for split in SPLITS for sequence in index.sequences[split]),
            "summary": lines,
        }
        print("\n".join(lines))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
