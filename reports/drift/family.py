"""What may be claimed of all columns together: how they share a level, and which of them drifted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from driftgate.lifecycle.measurements import ColumnDrift
from driftgate.lifecycle.verdicts import Verdict
from driftgate.reports.drift.aspects import (
    LEAST_LEFT,
    LEAST_USABLE,
    NOVEL,
    OUT_OF_RANGE,
    SCORE_SHARE,
    STRETCH,
    TOTAL_VARIATION,
    WASSERSTEIN,
    Aspect,
    Score,
)
from driftgate.reports.drift.examining import Examined
from driftgate.reports.drift.surprise import LEAST_P, RELATIVE, Floats, holm, least_of_discrete, tails
from driftgate.reports.drift.words import Said

LEAST_ROWS = 50
"""Fewer rows (entities, where they repeat) on a side are too little evidence for any verdict."""

STEP = 0.1
"""p-values nearer to each other than this, as a share, are one step of chance: a single row is as rare in a column that lacks some."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """An aspect with its adjusted p-value; `drifted` needs both significance and materiality."""

    aspect: Aspect
    p_value: float
    drifted: bool


@dataclass(frozen=True, slots=True)
class _Account:
    """One way to be novel: its aspects' p-values over all columns, in order, and the chance of a false alarm that it really takes.

    Spent is the largest sum that its aspects can attain within their part of the level.
    """

    p_values: Iterator[float]
    spent: float


def family(members: Sequence[Examined], level: float, share: float) -> tuple[ColumnDrift, ...]:
    """One result per column, whose p-values are adjusted over all of them; the family may spend `share` of the level.

    Novel values (unseen levels, numbers out of range) are judged apart: one row on a level of which there is no other is as much as they
    ever show, and a share of each column's level would never let it count. They spend what they can, the rest has what is left; how much
    that is hangs on the levels and ties of both sides together, not on which side they are on.

    Of what is left, most is shared fairly: each column's own p-value, by Holm. `SCORE_SHARE` of it goes to scores on one scale, where a
    column pays only for the columns that reach such a score by chance. A heavy-tailed one, whose score varies most, then has nearly all
    of it to itself, and would have a twentieth of a twentieth by Holm.
    """
    accounts, left = {}, share
    for method, part in NOVEL.items():
        most = left - LEAST_LEFT * share
        accounts[method] = _account(method, members, level, min(part * share, most), min(STRETCH * part * share, most))
        left -= accounts[method].spent / level
    scores = [score for member in members if (score := member.score)]
    scored = SCORE_SHARE if len(scores) > 1 else 0.0
    together = iter(np.maximum(_together(scores) / (left * scored), LEAST_P).tolist() if scored else [1.0] * len(scores))
    shared = [member.shared() for member in members]
    least, weights = np.array([min(own, default=1.0) for own in shared]), np.array([member.weight for member in members])
    factors = np.divide(holm(least, weights), least, out=np.ones_like(least), where=least > 0) / (left * (1 - scored))
    results = []
    for member, p_values, factor in zip(members, shared, factors.tolist(), strict=True):
        fair = [min(1.0, max(p * factor, LEAST_P)) for p in p_values]
        judged = [(aspect, min(p, next(together)) if aspect.score else p) for aspect, p in zip(member.others, fair, strict=True)]
        judged += [(aspect, next(accounts[aspect.method].p_values)) for aspect in member.novel]
        results.append(_column(member, judged, level))
    return tuple(results)


def _together(scores: Sequence[Score]) -> Floats:
    """The chance that any column scores as high by chance as each one did, at most: the sum of every column's own, shape (scores,)."""
    points = np.array([score.observed for score in scores])
    return sum((tails(points, score.null) for score in scores), np.zeros(len(scores)))


def _account(method: str, members: Sequence[Examined], level: float, part: float, most: float) -> _Account:
    """The account of that method, which may spend `part` of the level; where it could not spend half of that, a step of up to `most`."""
    aspects = [aspect for member in members for aspect in member.novel if aspect.method == method]
    alone = np.array([aspect.p_value for aspect in aspects])
    attainable = [aspect.attainable for aspect in aspects]
    within, beyond = _spendable(attainable, part * level, most * level)
    if beyond is not None and within < part * level / STRETCH:
        within, part = beyond, beyond * (1 + RELATIVE) / level
    # What does not matter is not among the attainable ones; its own p-value then still says how likely it is.
    found = np.clip(np.maximum(least_of_discrete(alone.tolist(), attainable, STEP), alone) / part, LEAST_P, 1.0)
    return _Account(iter(found.tolist()), within)


def _spendable(attainable: Sequence[Sequence[float]], part: float, most: float) -> tuple[float, float | None]:
    """The largest chance of a false alarm within `part` that those p-values can have, and the next one, None where it is above `most`."""
    candidates = sorted({p for own in attainable for p in own if p <= most})
    sums = least_of_discrete(candidates, attainable, STEP)
    beyond = sums[(sums > part) & (sums <= most)]
    return float(sums[sums <= part].max(initial=0.0)), float(beyond.min()) if len(beyond) else None


def _column(member: Examined, found: Sequence[tuple[Aspect, float]], level: float) -> ColumnDrift:
    sides = member.sides
    enough = min(side.rows for side in sides.independent) >= LEAST_ROWS
    judged = [_Judged(aspect, p, enough and p <= level and aspect.effect >= aspect.limit) for aspect, p in found]
    drifted = any(each.drifted for each in judged)
    shown = _shown(judged, drifted=drifted)
    measured = any(each.aspect.method in (WASSERSTEIN, TOTAL_VARIATION) for each in judged)
    return ColumnDrift(
        name=sides.name,
        method=shown.aspect.method if shown else "none",
        score=shown.aspect.effect if shown else None,
        p_value=shown.p_value if shown and enough else None,
        limit=shown.aspect.limit if shown else None,
        drifted=drifted,
        verdict=Verdict.FAIL if drifted else Verdict.PASS if enough and measured else Verdict.UNDECIDED,
        rows=sides.current.rows,
        reference_rows=sides.reference.rows,
        findings=_findings(member.said, judged, shown, measured=measured),
        evidently_method=member.said.method,
        evidently_score=member.said.score,
    )


def _shown(judged: list[_Judged], *, drifted: bool) -> _Judged | None:
    """The aspect that a column's score is taken from: the drifted one furthest beyond its limit, else the distribution.

    Numbers out of range only where nothing else drifted: how far the values moved says more than how many left the range.
    """
    among = [each for each in judged if each.drifted] if drifted else []
    among = [each for each in among if each.aspect.method != OUT_OF_RANGE] or among
    among = among or [each for each in judged if each.aspect.method in (WASSERSTEIN, TOTAL_VARIATION)] or judged
    return max(among, key=lambda each: each.aspect.effect / max(each.aspect.limit, 1e-12), default=None)


def _findings(said: Said, judged: list[_Judged], shown: _Judged | None, *, measured: bool) -> tuple[str, ...]:
    words = [*said.words]
    if said.moved and any(each.drifted for each in judged):
        words.append(said.moved)
    if not measured:
        words.append(f"fewer than {LEAST_USABLE} usable values on a side: the distribution could not be judged")
    words.extend(
        f"{each.aspect.method} drifted too: {each.aspect.effect:.4g}, limit {each.aspect.limit:.4g}, p {each.p_value:.3g}"
        for each in judged
        if each.drifted and each is not shown
    )
    return tuple(words)
