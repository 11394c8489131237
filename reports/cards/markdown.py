"""A card as Markdown. No text from data or people becomes markup, in CommonMark or in GitHub's dialect."""

import re

from driftgate.reports.cards.blocks import Block, Card, Grid, Items, Picture, Section, Words
from driftgate.reports.cards.cleaning import line

ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "@": "&#64;", "$": "&#36;"}
"""A character reference never opens markup, also where a dialect splits a table or finds links before it reads escapes."""

ESCAPED = re.compile(r"[\\`*_\[\]~#&<>|@$]|:(?=//)|(?<=[wW]{3})\.")
LEADING = re.compile(r"^(\d*)([+=.)-])")
"""What would begin a list, or turn the line before it into a heading."""


def escape(text: str) -> str:
    """The text on one line, so that Markdown shows it as it is within a line."""
    return ESCAPED.sub(lambda found: _escaped(found.group()), line(text))


def begun(text: str) -> str:
    """The same for text that begins a line."""
    return LEADING.sub(r"\1\\\2", escape(text))


def _escaped(character: str) -> str:
    if character in ":.":
        return f"&#{ord(character)};"
    return ENTITIES.get(character, f"\\{character}")


def written(card: Card) -> str:
    """The card. Pictures are named, not shown: the page shows them."""
    return "\n\n".join([f"# {escape(card.title)}", *map(_section, card.sections)]) + "\n"


def _section(section: Section) -> str:
    return "\n\n".join([f"## {escape(section.heading)}", *map(_block, section.blocks)])


def _block(block: Block) -> str:
    match block:
        case Words(text):
            return begun(text)
        case Items(texts):
            return "\n".join(f"- {begun(text)}" for text in texts)
        case Grid(heading, rows):
            return "\n".join([_row(heading), _row(("---",) * len(heading), raw=True), *map(_row, rows)])
        case Picture(words, _):
            return f"Picture, on the HTML page: {escape(words)}"


def _row(cells: tuple[str, ...], *, raw: bool = False) -> str:
    return f"| {' | '.join(cells if raw else map(escape, cells))} |"
