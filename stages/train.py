"""Fit the classifier on cached features; keep the best checkpoint and the threshold that validation chose."""

import json
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.progress import track

import unflare
from unflare import params, runtime, tracking
from unflare.features import FEATURES, VERSION
from unflare.network import Classifier
from unflare.network.probe import reach
from unflare.training import Checkpoint, Session, Trainer, choose_threshold, forecast, identity, opened, parity, scaling
from unflare.training.session import PHASES, overhead
from unflare.training.sources import Source

SECTIONS = {"loss": "training", "learning_rate": "training", "gradient_norm": "training"}
SECTIONS |= {"validation_loss": "validation", "validation_f1": "validation", "validation_auc": "validation"}
TOLD = 0.25  # seconds between two steps that MLflow is told of: it stores means over seconds, steps.csv has them all
REQUIREMENTS = ("torch", "numpy", "numba", "safetensors", "pydantic", "pyyaml")


def main(scenes: Path, features: Path, models: Path, report: Path, record_path: Path, checkpoints: Path) -> None:
    with runtime.stage(record_path, computes=True) as record, ExitStack() as stack:
        p, loaders = params.load(), runtime.loaders()
        with runtime.joined(record.device, record.clock) as ranks:
            ranks.part(p.training.batch)
            record.facts["ranks"] = ranks.listed(runtime.device_name(record.device))
            with record.clock("reading"):
                sources = opened(scenes, features, p.features, record.device, record.network_memory, loaders)
            record.memory.mark("data")
            with record.clock("model"):
                runtime.seed(p.seed)
                network = Classifier(p.network, sources["train"].mean, sources["train"].std).to(record.device)
                trainer = Trainer(network, p.training, ranks)
            with record.clock("checkpoint"):
                checkpoint = Checkpoint(checkpoints, identity(p, sources, network))
                session = Session(trainer, checkpoint, record.clock)
            with record.clock("tracking"):
                step = trainer.done if session.run else None
                run = stack.enter_context(tracking.run("train", session.run, step=step, active=ranks.first))
                run.params(p.model_dump(mode="json"))
                run.datasets("training")
                run.reproducible(record.device.type, ranks.count)
            session.run = run.id
            record.memory.mark("model")
            with record.clock("forecast"):
                guard = forecast(network, p.training, record.network_memory, loaders, ranks.count)
            fit(session, sources, p, loaders, record, run)
        if not ranks.first:
            return
        network, history = session.trainer.take_best(), session.history
        summary = history.summary(p.training.batch * p.training.window) | {"loaders": loaders}
        summary |= {"overhead": overhead(history, record.clock, record.memory), "interruptions": session.interruptions}
        summary |= {"guard": asdict(guard) | {"measured": record.memory.most(guard.kind, *PHASES)}}

        record.memory.mark("scaling", p.training.steps)
        with record.clock("scaling"):
            found = scaling(network, sources["train"], p.training, p.seed, guard.largest_batch, ranks.count)
            summary |= {"scaling": found}
        record.memory.mark("threshold", p.training.steps)
        facts = {"features": list(FEATURES), "definition": VERSION, "window": p.features.window}
        facts |= {"seed": p.seed, "step": summary["best"]["step"]}
        with record.clock("threshold"):
            threshold, scores, background = choose_threshold(network, sources["validation"], p.training.keep_background)
            facts |= {"threshold": threshold, "background_thresholds": background}
            network.save(models, facts | {"validation": asdict(scores)})
        with record.clock("validation"):
            summary |= {"parity": parity(network, sources["validation"], p.training, session.trainer.lowest)}
        with record.clock("probe"):
            record.facts["reach"] = reach(network, p.seed)
        summary |= {"parameters": network.parameter_count, "scan": network.scan, "device": str(record.device)}
        history.write(report, summary | {"validation": asdict(scores)}, record.memory)
        (models / "run.json").write_text(json.dumps(run.card(), indent=1) + "\n", encoding="utf-8")
        with record.clock("tracking"):
            publish(run, models, report, summary, record.memory)
            stack.close()
        print(f"threshold {threshold:.3f}: F1 {scores.f1:.3f}, ROC-AUC {scores.roc_auc:.3f} on validation scenes")
    checkpoint.discard()


def fit(
    session: Session,
    sources: Mapping[str, Source],
    p: params.Params,
    loaders: int,
    record: runtime.Record,
    run: tracking.Run,
) -> None:
    """The steps that are left, each told to the run."""
    done = session.trainer.done
    record.implementations = {"scan": session.trainer.network.scan, "device": str(record.device)}
    record.implementations |= {"features": sources["train"].implementation, "ranks": session.trainer.ranks.engine}
    if session.interruptions:
        print(f"training goes on after step {done:,} ({session.interruptions[-1]['reason']})")
    rows = session.rows(sources["train"], sources["validation"], p.seed, loaders, record.memory)
    due = 0.0
    for row in track(rows, "training", p.training.steps - done):
        if time.monotonic() < due and row["step"] < p.training.steps:
            continue
        with record.clock("tracking"):
            due = time.monotonic() + TOLD
            sample = record.memory.curve[-1]
            values = {f"{SECTIONS.get(name, 'time')}/{name}": row[name] for name in row if name != "step"}
            run.metrics(values | {"memory/rss": sample.rss, "memory/device": sample.device}, int(row["step"]))
    if loaders:
        record.worked(loaders, [{"reading": session.history.loader_seconds}])


def publish(run: tracking.Run, models: Path, report: Path, summary: Mapping[str, Any], memory: runtime.Memory) -> None:
    """What belongs to the run as a whole: totals, peaks, the result files and the model."""
    totals = {f"time/total_{part}": seconds for part, seconds in summary["seconds"].items()}
    totals |= {"time/overhead_share": summary["overhead"]["share"]}
    peaks = {"memory/rss_peak": memory.peak, "memory/device_peak": memory.device_peak}
    peaks |= {f"memory/{name}": summary["guard"][name] for name in ("predicted", "allowed")}
    plain = {f"training/{name}": summary[name] for name in ("events_per_second", "events_seen", "parameters")}
    run.metrics(totals | peaks | plain, summary["steps"])
    run.artifact(report, "training")
    requirements = [f"{name}=={version(name)}" for name in REQUIREMENTS]
    run.model(models, "unflare.network.pyfunc", Path(unflare.__file__).parent, requirements)


if __name__ == "__main__":
    runtime.ranked("train", main, *map(Path, sys.argv[1:]))
