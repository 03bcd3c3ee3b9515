"""The network and every baseline on the test scenes, which neither training nor any threshold has seen."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path

from unflare import params, runtime, tracking
from unflare.evaluation import baselines, results
from unflare.evaluation.benchmark import judge
from unflare.events.scene import scene_paths
from unflare.inference import NetworkScorer
from unflare.network import Classifier
from unflare.scores import best_threshold

EXAMPLES = 3
GALLERY = 12


def main(scenes: Path, models: Path, report: Path, record_path: Path) -> None:
    with runtime.stage(record_path, computes=True) as record, ExitStack() as stack:
        p, device = params.load(), record.device
        with record.clock("tracking"):
            card = json.loads((models / "run.json").read_text(encoding="utf-8"))
            run = stack.enter_context(tracking.run("evaluate", card["id"]))
        network = Classifier.load(models, device)
        scorer = NetworkScorer(network, p.features.window)
        record.implementations = {"scan": network.scan, "device": str(device)}
        validation, test = (scene_paths(scenes / split) for split in ("validation", "test"))
        rivals = {name: make() for name, make in baselines.items()}

        record.memory.mark("validation")
        tuning = judge(rivals, validation, record.clock)
        thresholds = {name: best_threshold(said.probability, said.flare) for name, said in tuning.items()}
        thresholds |= {"unflare": network.facts["threshold"], "oracle": 0.5}

        record.memory.mark("test")
        found = judge({"unflare": scorer, **rivals}, test, record.clock)
        found["oracle"] = found["unflare"].oracle()

        record.memory.mark("results")
        with record.clock("results"):
            tables = results.tables({"validation": tuning, "test": found}, thresholds)
            tables["validation"]["unflare"] = {"overall": network.facts["validation"]}
            results.write_tables(report, tables, thresholds["unflare"], record.clock.seconds)
            results.write_curves(report, found)
            results.write_examples(report, found["unflare"], test, EXAMPLES)
            results.write_gallery(report, test[:GALLERY])
        with record.clock("tracking"):
            run.metrics({f"evaluation/{name}": value for name, value in tables["test"]["unflare"]["overall"].items()})
            run.artifact(report / "metrics.json", "evaluation")
            for name, scenarios in tables["test"].items():
                run.child(name, {"method": name, "threshold": thresholds[name]}, named(scenarios))
            stack.close()
        for name, rows in tables["test"].items():
            print(f"{name:10}" + "".join(f"  {key} {rows['overall'][key] or 0:.3f}" for key in ("f1", "roc_auc")))


def named(scenarios: results.Scenarios) -> dict[str, float | None]:
    """evaluation/<score> over all test scenes, evaluation/<scenario>/<score> over those of a scenario."""
    return {
        f"evaluation/{score}" if scenario == "overall" else f"evaluation/{scenario}/{score}": value
        for scenario, scores in scenarios.items()
        for score, value in scores.items()
    }


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
