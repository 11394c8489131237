"""What a column's values say in words, and Evidently's own score beside ours."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.schema import ColumnKind
from driftgate.reports.drift import categorical, numeric
from driftgate.reports.drift.reading import Sides, usable

NAMED = 3
"""Levels named before the rest are only counted."""
EVIDENTLY_NUMERIC = "Wasserstein distance (normed)"
EVIDENTLY_CATEGORICAL = "Jensen-Shannon distance"

Values = npt.NDArray[np.float64] | npt.NDArray[np.object_]


def evidently_score(sides: Sides) -> tuple[str, float | None]:
    """Evidently's name for its score of such a column, and the score over all rows; None where a side holds no value."""
    before, after = held(sides)
    is_numeric = sides.kind is ColumnKind.NUMERIC
    method = EVIDENTLY_NUMERIC if is_numeric else EVIDENTLY_CATEGORICAL
    if not len(before) or not len(after):
        return method, None
    if is_numeric:
        return method, numeric.evidently_wasserstein(before.astype(np.float64), after.astype(np.float64))
    return method, categorical.evidently_jensen_shannon(categorical.shares(before.astype(object), after.astype(object)))


def held(sides: Sides) -> tuple[Values, Values]:
    """The values of both sides without the missing ones."""
    return sides.reference[usable(sides.reference)], sides.current[usable(sides.current)]


def strongest(sides: Sides) -> str:
    """The finding that names which of several outputs the prediction's score was taken from."""
    return f"strongest in {sides.name}"


def described(sides: Sides, drifted: bool) -> tuple[str, ...]:
    """Findings about the column: how it was read, missing values, constants, unseen or out-of-range values; if drifted, what moved."""
    before, after = held(sides)
    words = [*sides.findings, *_missing(sides)]
    if len(before) and len(after):
        is_numeric = sides.kind is ColumnKind.NUMERIC
        if len(pd.unique(before)) == 1:
            words.append(f"constant in the reference: {before[0]}")
        describe = _numbers if is_numeric else _levels
        words.extend(describe(before, after, drifted))
    return tuple(words)


def _missing(sides: Sides) -> tuple[str, ...]:
    before, after = (1 - float(np.mean(usable(side))) for side in (sides.reference, sides.current))
    return (f"missing: {after:.1%} of the window, {before:.1%} of the reference",) if before or after else ()


def _numbers(before: Values, after: Values, drifted: bool) -> list[str]:
    reference, current = before.astype(np.float64), after.astype(np.float64)
    words = []
    low, high = float(reference.min()), float(reference.max())
    outside = float(np.mean((current < low) | (current > high)))
    if outside:
        words.append(f"out of range: {outside:.1%} of the values lie outside the reference's [{low:g}, {high:g}]")
    if drifted:
        distance = numeric.kolmogorov_smirnov(reference, current)
        words.append(f"mean {reference.mean():.4g} -> {current.mean():.4g}; Kolmogorov-Smirnov distance {distance:.3f} (shown, not judged)")
    return words


def _levels(before: Values, after: Values, drifted: bool) -> list[str]:
    table = categorical.shares(before.astype(object), after.astype(object))
    words = []
    unseen = table[table["reference"] == 0].sort_values("current", ascending=False, kind="stable")
    if len(unseen):
        more = f" and {len(unseen) - NAMED} more" if len(unseen) > NAMED else ""
        names = ", ".join(repr(name) for name in unseen.index[:NAMED])
        words.append(f"unseen levels: {names}{more}, {float(unseen['current'].sum()):.1%} of the values")
    if drifted:
        moved = int((table["current"] - table["reference"]).abs().to_numpy().argmax())
        level, share = table.index[moved], table.iloc[moved]
        words.append(f"share of {level!r} {share['reference']:.1%} -> {share['current']:.1%}")
    return words
