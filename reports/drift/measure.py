"""Drift of a window against a version's snapshot: an alarm needs significance over everything judged, and materiality."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.measurements import ColumnDrift, DriftMeasurement
from driftgate.lifecycle.verdicts import Verdict
from driftgate.reports.drift import categorical, numeric
from driftgate.reports.drift import words as saying
from driftgate.reports.drift.aspects import (
    LEAST_USABLE,
    TOTAL_VARIATION,
    UNSEEN,
    UNSEEN_SHARE,
    WASSERSTEIN,
    WEIGHTS,
    Aspect,
    Materiality,
    missing,
)
from driftgate.reports.drift.surprise import LEAST_P, holm, least_of_discrete
from driftgate.reports.drift.words import Said
from driftgate.reports.profiles.categorical import CategoricalProfile
from driftgate.reports.profiles.frame import FrameProfile
from driftgate.reports.profiles.numeric import NumericProfile

LEAST_ROWS = 50
"""Fewer rows (entities, where they repeat) on a side are too little evidence for any verdict."""
PREDICTION_SHARE = 0.2
"""Share of the level spent on the prediction, which is judged on rows of its own (the holdout); the columns share the rest."""
PREDICTION = "prediction"
THREADED_ROWS = 2_000
THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Sides:
    """One column of both sides: over all rows, and over those that count as independent of each other."""

    reference: NumericProfile | CategoricalProfile
    current: NumericProfile | CategoricalProfile
    independent: tuple[NumericProfile | CategoricalProfile, NumericProfile | CategoricalProfile]

    @property
    def name(self) -> str:
        """The column's name."""
        return self.reference.name


@dataclass(frozen=True, slots=True)
class Examined:
    """A column with the ways in which it can drift."""

    sides: Sides
    aspects: tuple[Aspect, ...]
    said: Said

    @property
    def unseen(self) -> Aspect | None:
        """Its unseen levels; None where it is numeric or could not be judged."""
        return next((aspect for aspect in self.aspects if aspect.method == UNSEEN), None)

    @property
    def others(self) -> tuple[Aspect, ...]:
        """The rest: distribution and missing rate."""
        return tuple(aspect for aspect in self.aspects if aspect.method != UNSEEN)

    def shared(self) -> list[float]:
        """The others' p-values, adjusted by their weights so that the least of them is one p-value for the column."""
        total = sum(WEIGHTS[aspect.method] for aspect in self.others)
        return [min(1.0, aspect.p_value * total / WEIGHTS[aspect.method]) for aspect in self.others]


@dataclass(frozen=True, slots=True)
class _Judged:
    """An aspect with its adjusted p-value; `drifted` needs both significance and materiality."""

    aspect: Aspect
    p_value: float
    drifted: bool


def measure(
    model: str,
    version: int,
    reference: FrameProfile,
    current: FrameProfile,
    predictions: tuple[FrameProfile, FrameProfile] | None = None,
    *,
    level: float = 0.05,
    materiality: Materiality | None = None,
    limits: Mapping[str, float] | None = None,
    seed: int = 0,
    problems: Sequence[str] = (),
) -> DriftMeasurement:
    """Every column and the prediction, judged so that the chance of any false alarm is at most `level`.

    Args:
        model: the model's name.
        version: the version whose snapshot is the reference.
        reference: profile of the snapshot's rows, train and holdout.
        current: profile of the window, read by the version's schema.
        predictions: the version's outputs for the holdout and for the window; None: not scored.
        level: the designed chance of any false alarm, in (0, 1).
        materiality: least effects that matter; None for the defaults.
        limits: by column, the least effect of its distribution that matters, in place of `materiality`'s.
        seed: of every random draw.
        problems: what was found wrong while the window was read; the measurement's own come after them.

    Raises:
        InvalidData: a side has no rows at all.
    """
    if current.rows == 0 or reference.rows == 0:
        side = "window" if current.rows == 0 else "reference"
        raise InvalidData(f"the {side} has no rows: drift needs rows on both sides")
    asked = materiality or Materiality()
    share = 1.0 - PREDICTION_SHARE if predictions else 1.0
    found = _each(paired(reference, current), lambda sides: examined(sides, _own(asked, (limits or {}).get(sides.name)), seed))
    columns = family(found, level, share)
    prediction = None
    if predictions is not None:
        outputs = [examined(sides, asked, seed) for sides in paired(*predictions)]
        prediction = _strongest(family(outputs, level, PREDICTION_SHARE))
    every = [*columns, *([prediction] if prediction else [])]
    return DriftMeasurement(
        model=model,
        version=version,
        rows=current.rows,
        reference_rows=reference.rows,
        level=level,
        verdict=_overall(every),
        columns=columns,
        prediction=prediction,
        problems=(*problems, *_problems(current, every, prediction)),
        seed=seed,
    )


def _each(columns: Sequence[Sides], examine: Callable[[Sides], Examined]) -> list[Examined]:
    """Every column examined; long ones side by side, as most of the work lets go of the interpreter."""
    if max((column.current.rows + column.reference.rows for column in columns), default=0) < THREADED_ROWS:
        return [examine(column) for column in columns]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(examine, columns))


def paired(reference: FrameProfile, current: FrameProfile) -> list[Sides]:
    """The columns of the reference, each beside the window's."""
    mine, theirs = reference.independent or reference, current.independent or current
    return [Sides(column, current.columns[name], (mine.columns[name], theirs.columns[name])) for name, column in reference.columns.items()]


def examined(sides: Sides, materiality: Materiality, seed: int) -> Examined:
    """The ways in which the column can drift, with effects and p-values; no distribution where a side holds too few values."""
    mine, theirs = sides.independent
    sizes = (mine.rows, theirs.rows)
    rates = sides.current.missing / max(sides.current.rows, 1) - sides.reference.missing / max(sides.reference.rows, 1)
    rate = missing(rates, (mine.missing, mine.rows), (theirs.missing, theirs.rows), materiality)
    found = (rate,) if rate else ()
    judged = min(mine.held, theirs.held) >= LEAST_USABLE
    if not (sides.reference.held and sides.current.held):
        return Examined(sides, found, saying.nothing(sides.reference, sides.current))
    if isinstance(sides.reference, NumericProfile) and isinstance(sides.current, NumericProfile):
        pair = _pair(sides.reference, sides.current)
        apart = pair if mine is sides.reference and theirs is sides.current else _pair(mine, theirs)
        values = (numeric.distribution(pair, apart, sizes, materiality, seed),) if judged else ()
        return Examined(sides, (*values, *found), saying.numbers(sides.reference, sides.current, pair.pooled))
    first, second = sides.reference, sides.current
    every, own = _table(first, second), _table(mine, theirs)
    shares = categorical.aspects(every, own, sizes, materiality, seed) if judged else ()
    return Examined(sides, (*shares, *found), saying.levels(*_levels(first, second), every))


def family(members: Sequence[Examined], level: float, share: float) -> tuple[ColumnDrift, ...]:
    """One result per column, whose p-values are adjusted over all of them; the family may spend `share` of the level.

    Unseen levels are judged apart: one row on a level of which there is no other is as much as they ever show, and a share of each
    column's level would never let it count. They spend what they can, the rest has what is left; how much that is hangs on how rare
    the levels of both sides together are, not on which side they are on.
    """
    unseen = [aspect for member in members if (aspect := member.unseen)]
    found = least_of_discrete([aspect.p_value for aspect in unseen], [aspect.attainable for aspect in unseen]) / (UNSEEN_SHARE * share)
    unseen_p = iter(np.clip(found, LEAST_P, 1.0).tolist())
    left = 1.0 - _spent(unseen, level * share) / (level * share)
    shared = [member.shared() for member in members]
    least = np.array([min(own, default=1.0) for own in shared])
    factors = np.divide(holm(least), least, out=np.ones_like(least), where=least > 0) / (share * left)
    results = []
    for member, p_values, factor in zip(members, shared, factors.tolist(), strict=True):
        own = zip(member.others, [min(1.0, max(p * factor, LEAST_P)) for p in p_values], strict=True)
        judged = [*own, *([(member.unseen, next(unseen_p))] if member.unseen else [])]
        results.append(_column(member, judged, level))
    return tuple(results)


def _spent(unseen: Sequence[Aspect], level: float) -> float:
    """The chance of a false alarm that unseen levels really take: the largest they can attain within their share of the level."""
    candidates = sorted({p for aspect in unseen for p in aspect.attainable if p <= UNSEEN_SHARE * level}, reverse=True)
    sums = least_of_discrete(candidates, [aspect.attainable for aspect in unseen])
    return float(next((spent for spent in sums if spent <= UNSEEN_SHARE * level), 0.0))


def _own(materiality: Materiality, limit: float | None) -> Materiality:
    if limit is None:
        return materiality
    return replace(materiality, normalised_wasserstein=limit, total_variation=limit)


def _pair(*sides: NumericProfile | CategoricalProfile) -> numeric.Pair:
    first, second = (numeric.Atoms(side.values, side.counts, side.deviation) for side in sides if isinstance(side, NumericProfile))
    return numeric.pair(first, second)


def _levels(*sides: NumericProfile | CategoricalProfile) -> tuple[CategoricalProfile, CategoricalProfile]:
    first, second = (side for side in sides if isinstance(side, CategoricalProfile))
    return first, second


def _table(*sides: NumericProfile | CategoricalProfile) -> categorical.Table:
    first, second = ((side.levels, side.counts) for side in sides if isinstance(side, CategoricalProfile))
    return categorical.table(first, second)


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
    """The aspect that a column's score is taken from: the drifted one furthest beyond its limit, else the distribution."""
    among = [each for each in judged if each.drifted] if drifted else []
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


def strongest(name: str) -> str:
    """The finding that names which of several outputs the prediction's score was taken from."""
    return f"strongest in {name}"


def _strongest(outputs: Sequence[ColumnDrift]) -> ColumnDrift:
    """The prediction as one result: of several classes' probabilities the one that drifted most."""
    if len(outputs) == 1:
        return replace(outputs[0], name=PREDICTION)
    found = max(outputs, key=lambda column: (column.drifted, (column.score or 0.0) / max(column.limit or 0.0, 1e-12)))
    return replace(found, name=PREDICTION, findings=(strongest(found.name), *found.findings))


def _overall(every: Sequence[ColumnDrift]) -> Verdict:
    verdicts = {column.verdict for column in every}
    return next((verdict for verdict in (Verdict.FAIL, Verdict.PASS) if verdict in verdicts), Verdict.UNDECIDED)


def _problems(current: FrameProfile, every: Sequence[ColumnDrift], prediction: ColumnDrift | None) -> list[str]:
    found = [f"column {name!r} is not in the window; it is judged as all missing" for name in current.lost]
    found += [f"column {name!r} is new in the window; the version does not know it, so it is not judged" for name in current.new]
    if all(column.verdict is Verdict.UNDECIDED for column in every):
        found.append(
            f"too little evidence: {current.rows} rows in the window, and every side needs {LEAST_ROWS} (entities, where they repeat)"
        )
    else:
        found += [
            f"column {column.name!r} could not be judged: {column.findings[-1]}" for column in every if column.verdict is Verdict.UNDECIDED
        ]
    if prediction is None:
        found.append("the prediction was not judged: the version's outputs are not there on both sides")
    return found
