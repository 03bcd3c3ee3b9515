"""The report: complete in every language, self-contained, and true to the records it is made from."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from made_up import edit, use_device, write_results

from unflare import reporting
from unflare.reporting import gallery, pictures
from unflare.reporting.advice import RULES
from unflare.reporting.checks import CHECKS
from unflare.reporting.document import Cell, Document, Heading, Table, Text, to_html, to_markdown
from unflare.reporting.judgements import PAST
from unflare.reporting.pages import SECTIONS
from unflare.reporting.phrases import LANGUAGES, Phrases
from unflare.reporting.records import STAGES
from unflare.reporting.summary import STATUSES, duration
from unflare.reporting.tables import SHARES
from unflare.reporting.writing import write_report


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_results(tmp_path_factory.mktemp("run"))
    write_report(root)
    return root


class Addresses(HTMLParser):
    """What a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [
            value or "" for name, value in attributes if name in {"src", "href", "srcset", "data", "xlink:href"}
        ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_fetches_nothing_and_runs_nothing(root: Path, language: str) -> None:
    page = (root / "reports" / f"report.{language}.html").read_text()
    parser = Addresses()
    parser.feed(page)
    assert all(address.startswith(("data:", "#")) for address in parser.found)
    assert "script" not in parser.tags
    assert not re.search(r"https?://|@import|url\((?!#|['\"]?data:)", page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_of_the_records_stand_in_the_report(root: Path, language: str) -> None:
    durations = {"en": ("3 min 10 s", "8 min 35 s"), "zh": ("3 分 10 秒", "8 分 35 秒")}[language]
    for suffix in ("md", "html"):
        text = (root / "reports" / f"report.{language}.{suffix}").read_text()
        for number in ("271,745", "0.930", "0.981", "96.2%", "0.550", "0123456789abcdef", *durations):
            assert number in text, number


def test_languages_have_the_same_phrases_with_the_same_blanks() -> None:
    first, *others = (Phrases(language) for language in LANGUAGES)
    for other in others:
        assert other.phrases == first.phrases
        for group, name in sorted(first.phrases):
            blanks = [sorted(re.findall(r"{(\w+)", phrases.optional(group, name))) for phrases in (first, other)]
            assert blanks[0] == blanks[1], (group, name)


def test_every_phrase_is_said_by_someone() -> None:
    """Its name stands in the code, or it is that of a check, a rule of advice, a section or a fault of the past."""
    checks, rules = ({item.__name__ for item in items} for items in (CHECKS, RULES))
    named = {"findings": checks, "evidence": checks | {"missing", "impossible"}, "past": set(PAST)}
    named |= {"advice": rules, "because": rules, "looked": rules, "sections": set(SECTIONS)}
    named["remarks"] = {f"{check}_{status}" for check in checks for status in STATUSES}
    words = {"methods", "components", "kinds", "sources"}  # for what records may hold
    code = "\n".join(path.read_text() for path in Path(reporting.__file__).parent.rglob("*.py"))
    literals = set(re.findall(r'"(\w+)"', code)) | {f"{share}_means" for share in SHARES}
    for group, name in sorted(Phrases("en").phrases):
        assert group in words or name in named.get(group, literals), f"{group}.{name} is said by nobody"


def test_languages_have_the_same_structure(root: Path) -> None:
    shapes = []
    for language in LANGUAGES:
        lines = (root / "reports" / f"report.{language}.md").read_text().splitlines()
        shapes.append([re.match(r"[#|!*-]*", line)[0] for line in lines if line])  # type: ignore[index]
    assert all(shape == shapes[0] for shape in shapes)


def test_the_figures_of_the_markdown_are_there(root: Path) -> None:
    text = (root / "reports" / "report.en.md").read_text()
    figures = re.findall(r"\]\((figures/[^)]+)\)", text)
    assert len(figures) == 7
    assert all((root / "reports" / figure).stat().st_size > 1000 for figure in figures)


def test_the_same_records_give_the_same_bytes(root: Path, tmp_path: Path) -> None:
    write_report(write_results(tmp_path))
    for path in (root / "reports").rglob("*"):
        if path.is_file() and path.suffix != ".npz":
            assert path.read_bytes() == (tmp_path / path.relative_to(root)).read_bytes(), path.name


def test_a_planted_problem_stands_among_the_problems(tmp_path: Path) -> None:
    edit(write_results(tmp_path) / "reports/training/metrics.json", lambda content: content.update(parameters=1))
    write_report(tmp_path)
    text = (tmp_path / "reports/report.en.md").read_text()
    problems = text[text.index("## Remaining problems") : text.index("## Advice")]
    assert "[PROBLEM] **Parameter count as configured**" in problems
    assert "2 failed" in text  # and the file is no longer the one that the stage left
    assert text.count("> **Not to be trusted: the records refute “All records are of this run”, “Parameter count") == 2


def test_a_run_cut_short_gives_a_report_that_names_what_is_missing(tmp_path: Path) -> None:
    write_results(tmp_path)
    shutil.rmtree(tmp_path / "reports/evaluation")
    shutil.rmtree(tmp_path / "reports/training")
    write_report(tmp_path)
    text = (tmp_path / "reports/report.en.md").read_text()
    results = text[text.index("## Results") : text.index("## Remaining problems")]
    assert "No record: `reports/evaluation/metrics.json`" in results
    assert not (tmp_path / "reports/figures/loss.svg").exists()


def test_a_record_that_cannot_be_true_is_named_where_it_would_have_stood(tmp_path: Path) -> None:
    edit(
        write_results(tmp_path) / "reports/training/metrics.json", lambda content: content["seconds"].update(forward=-1)
    )
    write_report(tmp_path)
    text = (tmp_path / "reports/report.en.md").read_text()
    performance = text[text.index("## Performance") : text.index("## Memory")]
    assert "This record cannot be true: `reports/training/metrics.json: seconds.forward: -1`" in performance
    assert "**Stages, from the start of the process to its end**" in performance  # the rest of the section stands


def test_every_stage_says_what_its_time_went_into(root: Path) -> None:
    """What `train` does beside its steps, as choosing the threshold, is in no row of the training's components."""
    text = (root / "reports/report.en.md").read_text()
    parts = text[text.index("**Stages, by part**") : text.index("## Memory")]
    for stage in STAGES:
        assert f"| `{stage}` unaccounted |" in parts
    assert "| `train` threshold |" in parts


def test_ranks_that_trained_together_are_named(tmp_path: Path) -> None:
    results = write_results(tmp_path) / "reports/stages/train.json"
    edit(results, lambda content: content["facts"].update(ranks=["H100 (1)"]))
    write_report(tmp_path)
    assert "trained together" not in (tmp_path / "reports/report.en.md").read_text()
    edit(results, lambda content: content["facts"].update(ranks=["H100 (1)", "H100 (2)"]))
    write_report(tmp_path)
    text = (tmp_path / "reports/report.en.md").read_text()
    assert "2 processes trained together, each on its share of every batch (H100 (1), H100 (2))" in text


def test_a_training_that_had_no_step_left_shows_no_measured_peak(tmp_path: Path) -> None:
    """Stopped after its last step, it went on with nothing to do: this process saw no step's memory."""
    results = write_results(tmp_path) / "reports/training/metrics.json"
    edit(results, lambda content: content["guard"].update(measured=None))
    write_report(tmp_path)
    text = (tmp_path / "reports/report.en.md").read_text()
    assert "| measured peak | – |" in text
    assert "Not looked at: `reports/training/metrics.json: guard.measured` is missing" in text


def test_a_first_run_says_why_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    path = write_results(tmp_path) / "reports/previous.json"
    path.write_text('{"none": "it is the first in the store"}')
    write_report(tmp_path)
    assert "No comparison: it is the first in the store." in (tmp_path / "reports/report.en.md").read_text()


def test_on_a_device_the_report_has_its_memory(tmp_path: Path) -> None:
    use_device(write_results(tmp_path))
    write_report(tmp_path)
    text = (tmp_path / "reports/report.en.md").read_text()
    assert "host · growth | device · start | device · peak | device · growth" in text
    assert "| `train` | device | 2.00 | 16.00 | 12.5% |" in text
    assert ">device</text>" in (tmp_path / "reports/figures/memory.svg").read_text()


def test_markup_in_a_record_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    blocks = [Heading("<b>", "x"), Text("`<i>` & co"), Table(["a|b"], [[Cell("<script>")]])]
    document = Document("en", "t", "s", tmp_path, blocks)
    assert "<code>&lt;i&gt;</code> &amp; co" in to_html(document)
    assert "<script>" not in to_html(document)
    assert r"a\|b" in to_markdown(document)


def test_a_picture_shows_what_was_kept_and_where_it_errs() -> None:
    one = {"t": [0, 1, 2, 3], "x": [0, 1, 2, 3], "y": [0, 0, 0, 0], "p": [1, 0, 1, 0]}
    examples = {f"0_input_{name}": np.array(values, np.uint16) for name, values in one.items()}
    examples |= {f"0_truth_{name}": np.array(values[:2], np.uint16) for name, values in one.items()}
    examples |= {"0_flare": np.float32([0, 0, 1, 1]), "0_probability": np.float32([0.1, 0.9, 0.1, 0.9])}
    sheet = pictures.panels(examples | {"0_shape": np.array([2, 4])}, number=0, threshold=0.5)
    below, right = 2 + pictures.GAP, 4 + pictures.GAP
    on, off, ground = pictures.ON, pictures.OFF, pictures.GROUND
    rows = {
        "input": (sheet[0, :4], [on, off, on, off]),
        "output": (sheet[0, right:], [on, ground, on, ground]),
        "truth": (sheet[below, :4], [on, off, ground, ground]),
        "errors": (sheet[below, right:], [pictures.KEPT, pictures.LOST, pictures.LEFT, ground]),
    }
    for name, (found, expected) in rows.items():
        assert found.tolist() == [list(color) for color in expected], name


def test_the_gallery_shows_flare_in_orange_and_the_rest_in_blue() -> None:
    scene = {"x": [0, 3], "y": [0, 2], "p": [1, 0], "flare": [0.0, 1.0]}
    tiles = {f"{number}_{name}": np.array(values) for number in range(5) for name, values in scene.items()}
    for number in range(5):
        tiles |= {f"{number}_shape": np.array([3, 4]), f"{number}_title": np.array("x")}
    whole = gallery.sheet(tiles)
    height = round(gallery.WIDTH * 3 / 4) + gallery.LABEL
    assert whole.shape == (2 * height + pictures.GAP, 4 * gallery.WIDTH + 3 * pictures.GAP, 3)
    background, flare = whole[5, 5].astype(int), whole[230, 310].astype(int)
    assert background[2] > background[0] + 20  # blue over red
    assert flare[0] > flare[2] + 60
    assert tuple(whole[-5, -5]) == pictures.SEAM  # five scenes leave three places empty


def test_durations() -> None:
    said = [duration(seconds, Phrases("en")) for seconds in (0.04, 59.9, 59.97, 245.2, 7620)]
    assert said == ["0.0 s", "59.9 s", "1 min 00 s", "4 min 05 s", "2 h 07 min"]


@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium")
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_browser_shows_the_page_without_an_error(root: Path, tmp_path: Path, language: str) -> None:
    page = root / "reports" / f"report.{language}.html"
    quiet = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--enable-logging=stderr",
    ]
    command = ["chromium", *quiet, f"--user-data-dir={tmp_path}", f"--screenshot={tmp_path / 'page.png'}", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "CONSOLE" not in done.stderr
    assert (tmp_path / "page.png").stat().st_size > 10_000
