"""The validation report, from result files only; what it found goes into the run that it reports on."""

import json
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from unflare import tracking
from unflare.reporting.comparison import snapshot
from unflare.reporting.records import Records
from unflare.reporting.summary import STATUSES, describe
from unflare.reporting.writing import write_report
from unflare.tracking.link import lock_tags

VALIDATION_F1 = ("reports/evaluation/metrics.json", "splits", "validation", "unflare", "overall", "f1")


def main(reports: Path, models: Path) -> None:
    root = reports.parent
    card = json.loads((models / "run.json").read_text(encoding="utf-8"))
    with tracking.run("report", resume=card["id"]) as run:
        (reports / "previous.json").write_text(json.dumps(previous(run.id), indent=1, sort_keys=True) + "\n")
        findings = write_report(root)
        records, counts = Records(root), Counter(str(finding.status) for finding in findings)
        way = f"\n\n```sh\n{card['reproduce']}\n```" if "reproduce" in card else ""
        run.describe(describe(records, findings) + way)
        run.tags({f"finding.{finding.name}": finding.status for finding in findings})
        run.metrics({f"findings/{status}": counts[status] for status in STATUSES})
        run.records(root, records.files())
        for path in sorted(reports.glob("report.*")):
            run.artifact(path, "report")
        run.artifact(reports / "findings.json", "report")
        run.artifact(reports / "figures", "report/figures")
        if records.has(*VALIDATION_F1):
            tags = {"validation.f1": records.number(*VALIDATION_F1), "git.revision": card.get("git.revision", "none")}
            tags |= {"data.scenes": lock_tags(root, before="report").get("dvc.synthesize.data/scenes", "none")}
            tags |= {"findings": tally(counts)}
            run.version(tags, sound=not counts["problem"])
    print(f"report: {tally(counts)}")
    print(f"report: {reports / 'report.en.html'}")


def previous(run: str) -> dict[str, object]:
    """The snapshot of the finished run before this one, for comparison, or why there is none."""
    with TemporaryDirectory() as folder:
        try:
            archive = tracking.read()
            earlier = archive.finished(1, before=run)
            if not earlier:
                return {"none": "it is the first finished run in the store"}
            archive.records(earlier[0], Path(folder))
        except (OSError, ValueError) as error:
            return {"none": str(error)}
        return {**snapshot(Records(Path(folder)))}


def tally(counts: Counter[str]) -> str:
    """In the order of the report, the worst first."""
    return ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
