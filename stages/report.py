"""The validation report, from result files only; what it found goes into the run that it reports on."""

import json
import sys
from collections import Counter
from pathlib import Path

from unflare import tracking
from unflare.reporting.findings import Finding
from unflare.reporting.records import Records
from unflare.reporting.summary import describe
from unflare.reporting.writing import write_report


def main(reports: Path, models: Path) -> None:
    root = reports.parent
    findings = write_report(root)
    card = json.loads((models / "run.json").read_text(encoding="utf-8"))
    with tracking.run("report", resume=card["id"]) as run:
        run.describe(describe(Records(root), findings))
        run.tags({f"finding.{finding.name}": finding.status for finding in findings})
        run.metrics({f"findings/{status}": count for status, count in tally(findings).items()})
        for path in sorted(reports.glob("report.*")):
            run.artifact(path, "report")
        run.artifact(reports / "findings.json", "report")
        run.artifact(reports / "figures", "report/figures")
    print(f"report: {', '.join(f'{count} {status}' for status, count in tally(findings).items())}")
    print(f"report: {reports / 'report.en.html'}")


def tally(findings: list[Finding]) -> Counter[str]:
    return Counter(finding.status for finding in findings)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
