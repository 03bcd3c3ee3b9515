"""From result files to report files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from unflare.reporting import figures
from unflare.reporting.document import to_html, to_markdown
from unflare.reporting.findings import Finding, judge
from unflare.reporting.gallery import draw_gallery
from unflare.reporting.pages import report
from unflare.reporting.phrases import LANGUAGES, Phrases
from unflare.reporting.pictures import draw_examples
from unflare.reporting.records import Missing, Records
from unflare.reporting.summary import Material, evidence

DRAWINGS = {"loss": figures.loss, "memory": figures.memory, "timing": figures.timing}
DRAWINGS |= {"precision_recall": figures.precision_recall}


def write_report(root: Path) -> list[Finding]:
    """Writes reports/report.<language>.{md,html}, reports/findings.json and reports/figures below `root`.

    A figure whose records are missing is left out, and the report says which record that is.
    """
    records, folder = Records(root), root / "reports"
    findings = judge(records)
    figures = {**draw(records, folder / "figures"), **_gallery(folder)}
    material = Material(records, findings, figures, _pictures(records, folder))
    for language in LANGUAGES:
        document = report(material, Phrases(language), folder)
        (folder / f"report.{language}.md").write_text(to_markdown(document), encoding="utf-8")
        (folder / f"report.{language}.html").write_text(to_html(document), encoding="utf-8")
    _write_findings(folder / "findings.json", findings)
    return findings


def draw(records: Records, folder: Path) -> Mapping[str, Path]:
    """The drawings that the records allow, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for name, drawing in DRAWINGS.items():
        path = folder / f"{name}.svg"
        try:
            drawing(records, path)
        except Missing:
            continue  # its section names the record
        drawn[name] = path
    return drawn


def _pictures(records: Records, folder: Path) -> Sequence[tuple[Path, str]]:
    examples = folder / "evaluation" / "examples.npz"
    if not examples.exists() or not records.has("reports/evaluation/metrics.json", "threshold"):
        return []
    return draw_examples(examples, records.number("reports/evaluation/metrics.json", "threshold"), folder / "figures")


def _gallery(folder: Path) -> Mapping[str, Path]:
    source = folder / "evaluation" / "gallery.npz"
    return {"gallery": draw_gallery(source, folder / "figures" / "gallery.png")} if source.exists() else {}


def _write_findings(path: Path, findings: Sequence[Finding]) -> None:
    say = Phrases("en")
    content = [{**asdict(finding), "evidence": evidence(finding, say)} for finding in findings]
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
