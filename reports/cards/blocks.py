"""The parts that a card is written in, before it becomes Markdown or HTML. All text in them is plain: the writers escape it."""

import math
from dataclasses import dataclass
from typing import TypeAlias

from driftgate.lifecycle.verdicts import Estimate

NOT_KNOWN = "not known"
NOT_DEFINED = "not defined"


@dataclass(frozen=True, slots=True)
class Words:
    """One paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list of sentences."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: each row has as many cells as the heading."""

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG file, with what it shows in words."""

    words: str
    png: bytes


Block: TypeAlias = Words | Items | Grid | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A title, and the sections in their order."""

    title: str
    sections: tuple[Section, ...]


def number(value: object) -> str:
    """A number as people read it, `not defined` for what is not finite, `not known` for None. Text and truth values stay as they are."""
    if value is None:
        return NOT_KNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else NOT_DEFINED
    # Through JSON, what is not finite comes as its name.
    return NOT_DEFINED if isinstance(value, str) and value in ("nan", "inf", "-inf") else str(value)


def bound(value: float | None) -> str:
    """A bound; `not defined` where there is none."""
    return NOT_DEFINED if value is None else number(value)


def bounded(estimate: Estimate) -> tuple[str, str, str]:
    """The value with its lower and upper bound. What is not defined has no bounds, whatever was computed."""
    if not math.isfinite(estimate.value):
        return NOT_DEFINED, NOT_DEFINED, NOT_DEFINED
    return number(estimate.value), bound(estimate.lower), bound(estimate.upper)
