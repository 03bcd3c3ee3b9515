"""The network and every baseline on the test scenes, which neither training nor any threshold has seen."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path

from unflare import runtime, tracking
from unflare.evaluation import generators, results
from unflare.evaluation.benchmark import judge
from unflare.evaluation.comparison import compare
from unflare.evaluation.tuning import made, tune
from unflare.events.scene import scene_paths
from unflare.inference import NetworkScorer
from unflare.network import Classifier, shipped

EXAMPLES = 3
GALLERY = 12


def main(scenes: Path, models: Path, report: Path, record_path: Path) -> None:
    with runtime.stage(record_path, computes=True) as record, ExitStack() as stack:
        device = record.device
        with record.clock("tracking"):
            card = json.loads((models / "run.json").read_text(encoding="utf-8"))
            run = stack.enter_context(tracking.run("evaluate", card["id"]))
        networks = {"unflare": Classifier.load(models, device), "shipped": Classifier.load(shipped(), device)}
        network, scorers = networks["unflare"], {name: NetworkScorer.of(one) for name, one in networks.items()}
        record.implementations = {"scan": network.scan, "device": str(device)}
        validation, test = (scene_paths(scenes / split) for split in ("validation", "test"))

        record.memory.mark("validation")
        with record.clock("tuning"):
            tuned = tune(validation, record.clock)
        choices = {name: one.choice for name, one in tuned.items() if one.choice}
        weights = {name: {"weights": one.digest, "seed": one.facts.get("seed")} for name, one in networks.items()}
        thresholds = {name: one.threshold for name, one in tuned.items()}
        thresholds |= {name: one.facts["threshold"] for name, one in networks.items()} | {"oracle": 0.5}

        record.memory.mark("test")
        found = judge({**scorers, **made(tuned)}, test, record.clock)
        found["oracle"] = found["unflare"].oracle()

        record.memory.mark("streams")
        writers = {name: make() for name, make in generators.items()}
        streams = compare(found, thresholds, writers, test, record.clock)

        record.memory.mark("results")
        with record.clock("results"):
            said = {"validation": {name: one.said for name, one in tuned.items()}, "test": found}
            tables = results.tables(said, thresholds)
            tables["validation"]["unflare"] = {"overall": network.facts["validation"]}
            results.add_streams(tables["test"], streams)
            facts = {"threshold": thresholds["unflare"], "choices": choices, "weights": weights}
            results.write_tables(report, tables, facts | {"seconds": dict(record.clock.seconds)})
            results.write_curves(report, found)
            results.write_examples(report, found["unflare"], test, EXAMPLES)
            results.write_gallery(report, test[:GALLERY])
        with record.clock("tracking"):
            run.metrics(results.named({"overall": tables["test"]["unflare"]["overall"]}))
            run.artifact(report / "metrics.json", "evaluation")
            for name, scenarios in tables["test"].items():
                threshold = {"threshold": thresholds[name]} if name in thresholds else {}
                known = {"method": name, **threshold, **choices.get(name, {}), **weights.get(name, {})}
                run.child(name, known, results.named(scenarios))
            stack.close()
        for name, scenarios in tables["test"].items():
            values = results.named({"overall": scenarios["overall"]})
            known = {key: values.get(f"evaluation/{key}") for key in ("f1", "roc_auc", "chamfer")}
            print(f"{name:12}" + "".join(f"  {key} {value:.3f}" for key, value in known.items() if value is not None))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
