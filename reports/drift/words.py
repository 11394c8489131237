"""What a column's profiles say in words, and Evidently's own score beside ours."""

import numpy as np

from driftgate.reports.drift import categorical, numeric
from driftgate.reports.profiles.categorical import CategoricalProfile
from driftgate.reports.profiles.numeric import NumericProfile

NAMED = 3
"""Levels named before the rest are only counted."""
EVIDENTLY_NUMERIC = "Wasserstein distance (normed)"
EVIDENTLY_CATEGORICAL = "Jensen-Shannon distance"

Profile = NumericProfile | CategoricalProfile


def evidently_score(reference: Profile, current: Profile) -> tuple[str, float | None]:
    """Evidently's name for its score of such a column, and the score over all rows; None where a side holds no value."""
    is_number = isinstance(reference, NumericProfile)
    method = EVIDENTLY_NUMERIC if is_number else EVIDENTLY_CATEGORICAL
    if not reference.held or not current.held:
        return method, None
    if isinstance(reference, NumericProfile) and isinstance(current, NumericProfile):
        before = numeric.Atoms(reference.values, reference.counts)
        return method, numeric.evidently_wasserstein(numeric.pool(before, numeric.Atoms(current.values, current.counts)), before)
    return method, categorical.evidently_jensen_shannon(_table(reference, current))


def described(reference: Profile, current: Profile, *, drifted: bool) -> tuple[str, ...]:
    """Findings about the column: how it was read, missing values, constants, unseen or out-of-range values; if drifted, what moved."""
    words = [*_read(current), *_missing(reference, current)]
    if reference.held and current.held:
        if isinstance(reference, NumericProfile) and isinstance(current, NumericProfile):
            words += _numbers(reference, current, drifted=drifted)
        else:
            words += _levels(reference, current, drifted=drifted)
    return tuple(words)


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


def _numbers(reference: NumericProfile, current: NumericProfile, *, drifted: bool) -> list[str]:
    low, high = float(reference.values[0]), float(reference.values[-1])
    words = [f"constant in the reference: {low}"] if low == high else []
    outside = float(current.counts[(current.values < low) | (current.values > high)].sum()) / current.held
    if outside:
        words.append(f"out of range: {outside:.1%} of the values lie outside the reference's [{low:g}, {high:g}]")
    if drifted:
        pooled = numeric.pool(numeric.Atoms(reference.values, reference.counts), numeric.Atoms(current.values, current.counts))
        means = [float(side.values @ side.counts) / side.held for side in (reference, current)]
        distance = numeric.kolmogorov_smirnov(pooled)
        words.append(f"mean {means[0]:.4g} -> {means[1]:.4g}; Kolmogorov-Smirnov distance {distance:.3f} (shown, not judged)")
    return words


def _levels(reference: Profile, current: Profile, *, drifted: bool) -> list[str]:
    found = _table(reference, current)
    before, after = found.shares
    seen = before > 0
    words = [f"constant in the reference: {found.levels[int(np.flatnonzero(seen)[0])]}"] if seen.sum() == 1 else []
    if not seen.all():
        unseen = np.flatnonzero(~seen)
        unseen = unseen[np.argsort(-after[unseen], kind="stable")]
        more = f" and {len(unseen) - NAMED} more" if len(unseen) > NAMED else ""
        names = ", ".join(repr(found.levels[at]) for at in unseen[:NAMED])
        words.append(f"unseen levels: {names}{more}, {found.unseen:.1%} of the values")
    if drifted:
        moved = int(np.abs(after - before).argmax())
        words.append(f"share of {found.levels[moved]!r} {before[moved]:.1%} -> {after[moved]:.1%}")
    return words


def _table(reference: Profile, current: Profile) -> categorical.Table:
    first, second = ((side.levels, side.counts) for side in (reference, current) if isinstance(side, CategoricalProfile))
    return categorical.table(first, second)
