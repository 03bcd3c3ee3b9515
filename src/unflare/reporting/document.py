"""A document as blocks, and the two forms it is written in: Markdown, and HTML that needs nothing but itself.

Text may hold `code` in backticks. Figures are files below the document's folder: Markdown links them, HTML holds them.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

import jinja2
from markupsafe import Markup, escape

from unflare.reporting.colors import INK, LINE, MUTED, PAPER


@dataclass(frozen=True)
class Heading:
    text: str
    anchor: str


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Tiles:
    """Headline numbers: label, value, remark."""

    tiles: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class Cell:
    """Text of a table's cell; `share` (0..1) draws a bar beside it, `strong` sets it off, a `status` colors it."""

    text: str
    share: float | None = None
    strong: bool = False
    status: str = ""


@dataclass(frozen=True)
class Table:
    """The first column and those in `words` hold words, the others numbers. `caption` stands above."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    words: Sequence[int] = ()
    caption: str = ""


@dataclass(frozen=True)
class Figure:
    path: Path
    caption: str


@dataclass(frozen=True)
class Check:
    status: str
    word: str
    title: str
    evidence: str
    name: str


@dataclass(frozen=True)
class Checks:
    checks: Sequence[Check]


@dataclass(frozen=True)
class Conclusion:
    """What it all comes to, set off from the text; `status` colors it."""

    status: str
    text: str


Block: TypeAlias = Heading | Text | Tiles | Table | Figure | Checks | Conclusion


@dataclass(frozen=True)
class Document:
    """`folder` is where it is written; `facts` stand under the title, `tally` counts the findings by status."""

    language: str
    title: str
    subtitle: str
    folder: Path
    blocks: Sequence[Block]
    tally: Sequence[tuple[str, str]] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


MARKS = {"verified": "[x]", "warning": "[!]", "problem": "[PROBLEM]", "not_run": "[ ]", "advice": "[>]"}


def to_markdown(document: Document) -> str:
    tally = " · ".join(words for _, words in document.tally)
    facts = [f"- {name}: {value}" for name, value in document.facts.items()]
    parts = [f"# {document.title}", document.subtitle, tally, "\n".join(facts)]
    parts += [_markdown(block, document.folder) for block in document.blocks]
    return "\n\n".join(part for part in parts if part) + "\n"


def to_html(document: Document) -> str:
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"rich": _rich, "kind": lambda block: type(block).__name__, "embedded": _embedded}
    template = environment.from_string((files("unflare.reporting") / "page.html").read_text(encoding="utf-8"))
    return template.render(
        document=document, headings=[block for block in document.blocks if isinstance(block, Heading)]
    )


def _markdown(block: Block, folder: Path) -> str:
    match block:
        case Heading(text=text):
            return f"## {text}"
        case Text(text=text):
            return text
        case Conclusion(text=text):
            return f"> **{text}**"
        case Tiles(tiles=tiles):
            return "\n".join(f"- **{label}: {value}** ({remark})" for label, value, remark in tiles)
        case Table():
            return _markdown_table(block)
        case Figure(path=path, caption=caption):
            return f"![{caption}]({path.relative_to(folder).as_posix()})\n\n*{caption}*"
        case Checks(checks=checks):
            return "\n".join(f"- {MARKS[c.status]} **{c.title}** {c.evidence} (`{c.name}`)" for c in checks)


def _markdown_table(table: Table) -> str:
    words = {0, *table.words}
    rule = ["---" if column in words else "---:" for column in range(len(table.header))]
    rows = [[f"**{cell.text}**" if cell.strong else cell.text for cell in row] for row in table.rows]
    lines = ["| " + " | ".join(text.replace("|", r"\|") for text in row) + " |" for row in [table.header, rule, *rows]]
    return "\n".join([f"**{table.caption}**\n"] * bool(table.caption) + lines)


def _rich(text: str) -> Markup:
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _embedded(path: Path) -> Markup:
    """The figure itself: a picture as data, a drawing as SVG in the page's colors, to follow light and dark."""
    if path.suffix == ".png":
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        return Markup('<img alt="" src="data:image/png;base64,{}">').format(data)
    svg = path.read_text(encoding="utf-8")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg)
    for color, name in ((INK, "ink"), (MUTED, "muted"), (LINE, "line")):
        svg = svg.replace(color, f"var(--{name})")
    return Markup(svg.replace(PAPER, "none"))
