"""What a column's profiles say in words, and Evidently's own score beside ours."""

from dataclasses import dataclass

import numpy as np

from driftgate.reports.drift import categorical, numeric
from driftgate.reports.profiles.categorical import CategoricalProfile
from driftgate.reports.profiles.numeric import NumericProfile

NAMED = 3
"""Levels named before the rest are only counted."""
EVIDENTLY_NUMERIC = "Wasserstein distance (normed)"
EVIDENTLY_CATEGORICAL = "Jensen-Shannon distance"

Profile = NumericProfile | CategoricalProfile


@dataclass(frozen=True, slots=True)
class Said:
    """What stands beside a column's verdict.

    `method`, `score`: Evidently's name for its score of such a column, and the score over all rows; None where a side holds no
    value. `words`: how it was read, missing values, constants, unseen or out-of-range values. `moved`: what is said where it drifted.
    """

    method: str
    score: float | None
    words: tuple[str, ...]
    moved: str | None


def numbers(reference: NumericProfile, current: NumericProfile, both: numeric.Pooled) -> Said:
    """What is said of a numeric column whose sides both hold values."""
    low, high = float(reference.values[0]), float(reference.values[-1])
    words = [f"constant in the reference: {low}"] if low == high else []
    first, last = np.searchsorted(current.values, low, side="left"), np.searchsorted(current.values, high, side="right")
    outside = float(current.counts[:first].sum() + current.counts[last:].sum()) / current.held
    if outside:
        words.append(f"out of range: {outside:.1%} of the values lie outside the reference's [{low:g}, {high:g}]")
    distance = numeric.kolmogorov_smirnov(both)
    moved = f"mean {reference.mean:.4g} -> {current.mean:.4g}; Kolmogorov-Smirnov distance {distance:.3f} (shown, not judged)"
    score = numeric.evidently_wasserstein(both, reference.deviation)
    return Said(EVIDENTLY_NUMERIC, score, (*read(reference, current), *words), moved)


def levels(reference: CategoricalProfile, current: CategoricalProfile, both: categorical.Table) -> Said:
    """What is said of a categorical column whose sides both hold values."""
    before, after = both.shares
    seen = before > 0
    words = [f"constant in the reference: {both.levels[int(np.flatnonzero(seen)[0])]}"] if seen.sum() == 1 else []
    if not seen.all():
        unseen = np.flatnonzero(~seen)
        unseen = unseen[np.argsort(-after[unseen], kind="stable")]
        more = f" and {len(unseen) - NAMED} more" if len(unseen) > NAMED else ""
        names = ", ".join(repr(both.levels[at]) for at in unseen[:NAMED])
        words.append(f"unseen levels: {names}{more}, {both.unseen:.1%} of the values")
    moved = int(np.abs(after - before).argmax())
    share = f"share of {both.levels[moved]!r} {before[moved]:.1%} -> {after[moved]:.1%}"
    return Said(EVIDENTLY_CATEGORICAL, categorical.evidently_jensen_shannon(both), (*read(reference, current), *words), share)


def nothing(reference: Profile, current: Profile) -> Said:
    """What is said of a column of which a side holds no value."""
    method = EVIDENTLY_NUMERIC if isinstance(reference, NumericProfile) else EVIDENTLY_CATEGORICAL
    return Said(method, None, read(reference, current), None)


def read(reference: Profile, current: Profile) -> tuple[str, ...]:
    """How the window's values were read, and how many are missing."""
    return (*_read(current), *_missing(reference, current))


def _read(current: Profile) -> list[str]:
    if isinstance(current, CategoricalProfile):
        retyped = f"type changed: {current.retyped} of {current.rows} values are not text and were read as text"
        return [retyped] if current.retyped else []
    words = []
    if current.unreadable:
        words.append(f"type changed: {current.unreadable} of {current.rows} values are not numbers and count as missing")
    if current.infinite:
        words.append(f"{current.infinite} of {current.rows} values are infinite and count as missing")
    return words


def _missing(reference: Profile, current: Profile) -> list[str]:
    before, after = (side.missing / max(side.rows, 1) for side in (reference, current))
    return [f"missing: {after:.1%} of the window, {before:.1%} of the reference"] if before or after else []
