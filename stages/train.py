"""Fit the classifier on cached features; keep the best checkpoint and the threshold that validation chose."""

import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.progress import track

import unflare
from unflare import params, runtime, tracking
from unflare.features import FEATURES, VERSION
from unflare.features.store import Cache
from unflare.network import Classifier
from unflare.network.probe import reach
from unflare.training import History, choose_threshold, fit

NO_TIME = {"loss": "training", "learning_rate": "training", "gradient_norm": "training"}
NO_TIME |= {"validation_loss": "validation", "validation_f1": "validation", "validation_auc": "validation"}


def main(features: Path, models: Path, report: Path, record_path: Path) -> None:
    with runtime.stage(record_path, computes=True) as record, ExitStack() as stack:
        p, device = params.load(), record.device
        with record.clock("tracking"):
            run = stack.enter_context(tracking.run("train"))
            run.params(p.model_dump(mode="json"))
            run.datasets("training")
        with record.clock("reading"):
            train, validation = (Cache(features / f"{name}.h5", p.features.window) for name in ("train", "validation"))
        record.memory.mark("data")
        torch.manual_seed(p.seed)
        network = Classifier(p.network, train.mean, train.std).to(device)
        record.memory.mark("model")
        record.implementations = {"scan": network.scan, "device": str(device)}

        facts = {"features": list(FEATURES), "definition": VERSION, "window": p.features.window}
        history = History(record.clock)
        for step in track(
            fit(network, train, validation, p.training, p.seed, record.clock), "training", p.training.steps
        ):
            record.memory.mark(f"batch {step.number}" if step.number <= 3 else "training", step.number)
            row = history.add(step)
            with record.clock("tracking"):
                run.metrics(
                    {f"{NO_TIME.get(name, 'time')}/{name}": row[name] for name in row if name != "step"}, step.number
                )
            if step.best:
                with record.clock("checkpoint"):
                    network.save(models, facts)
        summary = history.summary(p.training.batch * p.training.window)

        record.memory.mark("threshold", p.training.steps)
        with record.clock("threshold"):
            network = Classifier.load(models, device)
            threshold, scores = choose_threshold(network, validation)
            network.save(models, facts | {"threshold": threshold, "validation": asdict(scores)})
        with record.clock("probe"):
            record.facts["reach"] = reach(network, p.seed)
        summary |= {"parameters": network.parameter_count, "scan": network.scan, "device": str(device)}
        history.write(report, summary | {"validation": asdict(scores)}, record.memory)
        (models / "run.json").write_text(json.dumps(run.card(), indent=1) + "\n", encoding="utf-8")
        with record.clock("tracking"):
            publish(run, models, report, summary, record.memory)
            stack.close()
        print(f"threshold {threshold:.3f}: F1 {scores.f1:.3f}, ROC-AUC {scores.roc_auc:.3f} on validation scenes")


def publish(run: tracking.Run, models: Path, report: Path, summary: Mapping[str, Any], memory: runtime.Memory) -> None:
    """What belongs to the run as a whole: totals, the memory curve, the result files and the model."""
    totals = {f"time/total_{part}": seconds for part, seconds in summary["seconds"].items()}
    peaks = {"memory/rss_peak": memory.peak, "memory/device_peak": memory.device_peak}
    plain = {f"training/{name}": summary[name] for name in ("events_per_second", "events_seen", "parameters")}
    run.metrics(totals | peaks | plain, summary["steps"])
    run.series("memory/rss", [(number, sample.rss) for number, sample in enumerate(memory.curve)])
    run.artifact(report, "training")
    requirements = [
        f"{name}=={version(name)}" for name in ("torch", "numpy", "numba", "safetensors", "pydantic", "pyyaml")
    ]
    run.model(models, "unflare.network.pyfunc", Path(unflare.__file__).parent, requirements)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
