"""Text from data and people, made fit for one line of a page."""

import unicodedata

REPLACED = "\N{REPLACEMENT CHARACTER}"
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of writing: a name with one could make the words after it read backwards."""


def line(text: str) -> str:
    """The text on one line: white space of any kind is one space, and what cannot be seen or written is the replacement character."""
    joined = " ".join(text.split())
    return "".join(
        REPLACED if character in TURNING or unicodedata.category(character) in ("Cc", "Cs") else character for character in joined
    )
