"""Columns of records, read without pandas where their values are plain: importing it takes longer than reading them."""

from collections import Counter
from types import NoneType

import numpy as np

from driftgate.lifecycle.plan import Scalar
from driftgate.reports.profiles.moments import FloatArray

NUMBERS = frozenset({float, int, bool, NoneType})
TEXTS = frozenset({str, NoneType})


def numbers(values: list[Scalar]) -> tuple[FloatArray, int] | None:
    """As `reading.numbers`; None where some value is no number and has to be read more carefully."""
    if not NUMBERS.issuperset(map(type, values)):
        return None
    try:
        return np.array(values, dtype=np.float64), 0
    except OverflowError:  # a whole number beyond the largest float
        return None


def texts(values: list[Scalar]) -> tuple[dict[str, int], int, int] | None:
    """As `reading.texts`; None where some value is no text, or one that no file can hold."""
    if not TEXTS.issuperset(map(type, values)):
        return None
    counts = Counter(values)
    missing = counts.pop(None, 0)
    levels = {str(level): count for level, count in counts.items()}
    try:
        "".join(levels).encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return None
    return levels, missing, 0
