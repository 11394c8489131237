"""The degradation envelope over drift scores: what a drift costs if the values are corrupt and the labels stay."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.findings import Assumption, Reading
from driftgate.lifecycle.measurements import ColumnDrift, Degradation, ScenarioOutcome
from driftgate.lifecycle.measurements_shift import EnvelopePoint
from driftgate.lifecycle.schema import ColumnKind, Schema
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.drift import categorical, numeric, outside
from driftgate.reports.drift.aspects import MISSING, OUT_OF_RANGE, TOTAL_VARIATION, UNSEEN, WASSERSTEIN
from driftgate.reports.perturbing import Table, perturbed, table
from driftgate.reports.scenarios import Kind

Ints: TypeAlias = npt.NDArray[np.int64]
Column: TypeAlias = npt.NDArray[np.object_] | npt.NDArray[np.float64]

MOST_ROWS = 20_000
"""Holdout rows, drawn by the simulation's seed, that a scenario's drift is measured on."""
CORRUPTING = frozenset({Kind.SCALE, Kind.SHIFT, Kind.NOISE, Kind.MISSING, Kind.UNSEEN})
"""Scenarios that change values and leave labels. In a reweighted holdout no value is wrong: that is a population that moved."""
DISTRIBUTION = (WASSERSTEIN, TOTAL_VARIATION)


def envelope(schema: Schema, holdout: pd.DataFrame, degradation: Degradation) -> tuple[EnvelopePoint, ...]:
    """Each scenario of one feature that corrupts values, with the drift score that it would show as, in the scenarios' order.

    `holdout`: the conformed rows that were simulated on, or as many of them as are at hand. A scenario that could not be scored, or whose
    growth is not defined, has no point. Scores are those of a drift report: `normalised_wasserstein`, `total_variation`, ...
    """
    order = np.random.default_rng(degradation.seed).permutation(len(holdout))
    source = table(holdout, schema, degradation.seed)
    usable = [outcome for outcome in degradation.scenarios if _usable(outcome, schema) and len(holdout)]
    effects = [_effects(source, outcome, order, degradation.rows) for outcome in usable]
    return tuple(
        EnvelopePoint(outcome.scenario, outcome.kind, outcome.features[0], outcome.magnitude, found, outcome.growth)
        for outcome, found in zip(usable, effects, strict=True)
    )


def _usable(outcome: ScenarioOutcome, schema: Schema) -> bool:
    known = len(outcome.features) == 1 and outcome.features[0] in schema.features
    return known and outcome.kind in CORRUPTING and outcome.problem is None and bool(np.isfinite(outcome.growth.value))


def _effects(source: Table, outcome: ScenarioOutcome, order: Ints, simulated: int) -> Mapping[str, float]:
    """The drift between the column and its perturbed self, by method; perturbed rows in the share that the scenario touches."""
    name = outcome.features[0]
    judged = order[:MOST_ROWS]
    touched = judged[: round(len(judged) * min(outcome.rows / max(simulated, 1), 1.0))]
    before = source.columns[name]
    after = before.copy()
    after[touched] = perturbed(source, Kind(outcome.kind), (name,), outcome.magnitude, touched).alter(name, touched)
    before, after = before[judged], after[judged]
    if source.schema.column(name).kind is ColumnKind.NUMERIC:
        return _numeric(before.astype(np.float64), after.astype(np.float64))
    return _categorical(before, after)


def _numeric(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> dict[str, float]:
    held = [side[np.isfinite(side)] for side in (before, after)]
    found = {MISSING: float(len(held[0]) - len(held[1])) / len(before)}
    if all(len(side) for side in held):
        reference, window = (numeric.Atoms(*np.unique(side, return_counts=True)) for side in held)
        unit = numeric.spread(reference, window)
        pooled = numeric.pool(reference, window)
        found[WASSERSTEIN] = numeric.wasserstein(pooled, *numeric.fence(reference, window, unit)) / unit
        found[OUT_OF_RANGE] = max(outside.shares(pooled))
    return found


def _categorical(before: npt.NDArray[np.object_], after: npt.NDArray[np.object_]) -> dict[str, float]:
    sides = [pd.Series(side, dtype=object).value_counts() for side in (before, after)]
    found = {MISSING: float(sides[0].sum() - sides[1].sum()) / len(before)}
    if all(len(side) for side in sides):
        reference, window = ((tuple(map(str, side.index)), np.asarray(side, dtype=np.int64)) for side in sides)
        table_ = categorical.table(reference, window)
        found |= {TOTAL_VARIATION: categorical.total_variation(table_), UNSEEN: table_.unseen}
    return found


def corrupt(points: Sequence[EnvelopePoint], columns: Iterable[ColumnDrift]) -> Reading:
    """The growth of the loss over the holdout's, if the values that drifted are wrong and the labels are what they were.

    Of each column that drifted the growth is read off its scenarios at its drift score, linearly between them (and from nothing at score
    0), by the kind of scenario that costs most. Over columns: `value` and `upper` are sums, which corruptions that cost
    together no more than apart do not pass; `lower` is the largest one's. Beyond the furthest scenario the growth there is the least to
    expect and there is no upper bound. None where no column that drifted has a scenario.
    """
    drifted = [column for column in columns if column.drifted]
    if not drifted:
        return Reading(Assumption.CORRUPT, Estimate(0.0, 0.0, 0.0), "if the values were corrupt: no column drifted")
    read = {column.name: _at(points, column) for column in drifted}
    known = {name: growth for name, growth in read.items() if growth is not None}
    lacking = ", ".join(name for name in read if name not in known)
    if not known:
        return Reading(Assumption.CORRUPT, None, f"undecided: no simulated scenario resembles the drift of {lacking}")
    total = _together(list(known.values()), complete=not lacking)
    words = [f"if the values are corrupt and the labels are what they were: {_largest(known)}"]
    words += [f"no simulated scenario resembles the drift of {lacking}"] if lacking else []
    beyond = ", ".join(name for name, growth in known.items() if growth.upper is None)
    words += [f"{beyond} drifted beyond what was simulated, so this is the least to expect"] if beyond else []
    return Reading(Assumption.CORRUPT, total, "; ".join(words))


def _together(growths: list[Estimate], *, complete: bool) -> Estimate:
    lowers = [growth.lower for growth in growths if growth.lower is not None]
    uppers = [growth.upper for growth in growths if growth.upper is not None]
    return Estimate(
        sum(growth.value for growth in growths),
        max(lowers, default=None),
        sum(max(upper, 0.0) for upper in uppers) if complete and len(uppers) == len(growths) else None,
    )


def _largest(known: Mapping[str, Estimate]) -> str:
    ordered = sorted(known.items(), key=lambda item: -item[1].value)
    more = f" and {len(ordered) - 3} more" if len(ordered) > 3 else ""  # noqa: PLR2004 - as many as are read at a glance
    return ", ".join(f"{name} {growth.value:+.1%}" for name, growth in ordered[:3]) + more


def limit_for(column: str, points: Iterable[EnvelopePoint], tolerated_growth: float) -> float | None:
    """The drift score of the column's distribution from which the growth's upper bound may pass what is tolerated.

    In units of `normalised_wasserstein` (numbers) or `total_variation` (categories); the least over kinds of scenario. None where no
    simulated scenario costs as much.
    """
    crossings, held = [], tuple(points)
    for method in DISTRIBUTION:
        for curve in _curves(held, column, method):
            ends = [(score, growth.upper) for score, growth in curve if growth.upper is not None]
            crossings += [_crossing(before, after, tolerated_growth) for before, after in pairwise(ends)]
    return min((crossing for crossing in crossings if crossing is not None), default=None)


def furthest(column: str, points: Iterable[EnvelopePoint]) -> float | None:
    """The largest drift score of the column's distribution that was simulated; None where it was not."""
    held = tuple(points)
    return max((curve[-1][0] for method in DISTRIBUTION for curve in _curves(held, column, method)), default=None)


def _crossing(before: tuple[float, float], after: tuple[float, float], limit: float) -> float | None:
    (start, low), (stop, high) = before, after
    return start + (stop - start) * (limit - low) / (high - low) if low <= limit < high else None


def _at(points: Sequence[EnvelopePoint], column: ColumnDrift) -> Estimate | None:
    """The growth at the column's drift score by the kind of scenario that costs most there; None where there is no scenario."""
    if column.score is None:
        return None
    curves = _curves(points, column.name, column.method)
    reaching = [curve for curve in curves if curve[-1][0] >= column.score]
    if reaching:
        return max((_between(curve, column.score) for curve in reaching), key=lambda growth: growth.value)
    furthest = max((curve[-1][1] for curve in curves), key=lambda growth: growth.value, default=None)
    return None if furthest is None else Estimate(furthest.value, furthest.lower)


def _curves(points: Iterable[EnvelopePoint], column: str, method: str) -> list[list[tuple[float, Estimate]]]:
    """The growth over the drift score, one curve for each kind of scenario and direction, from (0, 0) on, scores ascending."""
    grouped: dict[tuple[str, bool], dict[float, Estimate]] = {}
    for point in points:
        score = point.effects.get(method, 0.0) if point.feature == column else 0.0
        if score > 0:
            curve = grouped.setdefault((point.kind, point.magnitude < 1.0), {0.0: Estimate(0.0, 0.0, 0.0)})
            curve[score] = point.growth
            if point.kind == Kind.MISSING:
                # A model scores rows one by one, so what lost values cost is proportional to the share of rows that lost them.
                curve[1.0] = _times(point.growth, 1.0 / score)
    return [sorted(curve.items()) for curve in grouped.values()]


def _times(growth: Estimate, factor: float) -> Estimate:
    lower, upper = (None if bound is None else bound * factor for bound in (growth.lower, growth.upper))
    return Estimate(growth.value * factor, lower, upper)


def _between(curve: list[tuple[float, Estimate]], score: float) -> Estimate:
    scores = [at for at, _ in curve]

    def read(values: list[float | None]) -> float | None:
        held = [value for value in values if value is not None]
        return float(np.interp(score, scores, held)) if len(held) == len(values) else None

    growths = [growth for _, growth in curve]
    value = float(np.interp(score, scores, [growth.value for growth in growths]))
    return Estimate(value, read([growth.lower for growth in growths]), read([growth.upper for growth in growths]))
