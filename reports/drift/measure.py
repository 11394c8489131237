"""Drift of a window against a version's snapshot: an alarm needs significance over everything judged, and materiality."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.measurements import ColumnDrift, DriftMeasurement
from driftgate.lifecycle.schema import ColumnKind, Schema, Task
from driftgate.lifecycle.verdicts import Verdict
from driftgate.reports.drift import categorical, numeric
from driftgate.reports.drift.aspects import LEAST_USABLE, TOTAL_VARIATION, WASSERSTEIN, Aspect, Materiality, Pool, missing
from driftgate.reports.drift.pool import pool, units
from driftgate.reports.drift.reading import Sides, numbers, read, usable
from driftgate.reports.drift.resampling import step_down
from driftgate.reports.drift.words import described, evidently_score, strongest

LEAST_ROWS = 50
"""Fewer rows (entities, where they repeat) on a side are too little evidence for any verdict."""
PREDICTION_SHARE = 0.2
"""Share of the level spent on the prediction, which is judged on rows of its own (the holdout); the columns share the rest."""
PREDICTION = "prediction"

Outputs = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Judged:
    """An aspect with its adjusted p-value; `drifted` needs both significance and materiality."""

    aspect: Aspect
    p_value: float
    drifted: bool


def measure(
    model: str,
    version: int,
    schema: Schema,
    reference: pd.DataFrame,
    holdout_outputs: Outputs | None,
    current: pd.DataFrame,
    current_outputs: Outputs | None,
    *,
    level: float = 0.05,
    materiality: Materiality | None = None,
    seed: int = 0,
    problems: Sequence[str] = (),
) -> DriftMeasurement:
    """Every column and the prediction, judged so that the chance of any false alarm is at most `level`.

    Args:
        model: the model's name.
        version: the version whose snapshot is the reference.
        schema: frozen with the version.
        reference: conformed rows of train and holdout, the holdout's last.
        holdout_outputs: the version's outputs for the holdout, shape (rows,) or (rows, classes); None: not scored.
        current: the window; columns may be missing, of another type, or unknown.
        current_outputs: the version's outputs for the window; None: not scored.
        level: the designed chance of any false alarm, in (0, 1).
        materiality: least effects that matter; None for the defaults.
        seed: of every random draw.
        problems: what was found wrong while the window was read; the measurement's own come after them.

    Raises:
        InvalidData: a side has no rows at all.
    """
    if len(current) == 0 or len(reference) == 0:
        side = "window" if len(current) == 0 else "reference"
        raise InvalidData(f"the {side} has no rows: drift needs rows on both sides")
    limits = materiality or Materiality()
    scored = holdout_outputs is not None and current_outputs is not None
    read_columns = [(column.name, [read(column, reference, current)]) for column in schema.columns]
    columns = _family(
        read_columns, _pool(schema, reference, current, (seed, 0)), limits, level, share=1 - PREDICTION_SHARE if scored else 1.0
    )
    prediction = None
    if holdout_outputs is not None and current_outputs is not None:
        holdout = reference.iloc[max(len(reference) - len(holdout_outputs), 0) :]
        scores = [(PREDICTION, outputs(schema, holdout_outputs, current_outputs))]
        (prediction,) = _family(scores, _pool(schema, holdout, current, (seed, 1)), limits, level, share=PREDICTION_SHARE)
    return DriftMeasurement(
        model=model,
        version=version,
        rows=len(current),
        reference_rows=len(reference),
        level=level,
        verdict=_overall([*columns, *([prediction] if prediction else [])]),
        columns=columns,
        prediction=prediction,
        problems=(*problems, *_problems(schema, current, columns, prediction)),
        seed=seed,
    )


def _family(
    members: Sequence[tuple[str, list[Sides]]], where: Pool, limits: Materiality, level: float, *, share: float
) -> tuple[ColumnDrift, ...]:
    """One result per member, whose p-values are adjusted over all of them; the family may spend `share` of the level."""
    found = [[aspect for sides in every for aspect in _aspects(sides, where, limits)] for _, every in members]
    flat = [aspect for aspects in found for aspect in aspects]
    surprises = np.column_stack([aspect.surprises for aspect in flat]) if flat else np.zeros((1, 0))
    p_values = iter(np.minimum(step_down(surprises) / share, 1.0).tolist())
    judged = [
        [_Judged(aspect, p, p <= level and aspect.effect >= aspect.limit) for aspect, p in zip(aspects, p_values, strict=False)]
        for aspects in found
    ]
    enough = min(len(where.reference), len(where.current)) >= LEAST_ROWS
    return tuple(_column(name, every, aspects, enough) for (name, every), aspects in zip(members, judged, strict=True))


def _aspects(sides: Sides, where: Pool, limits: Materiality) -> list[Aspect]:
    """The ways in which the column can be judged; no distribution where a side holds too few values."""
    before, after = usable(sides.reference), usable(sides.current)
    rate = missing(sides.name, ~before, ~after, where, limits)
    found = [rate] if rate else []
    if min(before[where.reference].sum(), after[where.current].sum()) < LEAST_USABLE:
        return found
    if sides.kind is ColumnKind.NUMERIC:
        values = (sides.reference.astype(np.float64), sides.current.astype(np.float64))
        return [numeric.distribution(sides.name, *values, where, limits), *found]
    levels = (sides.reference.astype(object), sides.current.astype(object))
    return [*categorical.aspects(sides.name, *levels, where, limits), *found]


def _column(name: str, every: list[Sides], judged: list[_Judged], enough: bool) -> ColumnDrift:
    drifted = enough and any(each.drifted for each in judged)
    shown = _shown(judged, drifted)
    measured = any(each.aspect.method in (WASSERSTEIN, TOTAL_VARIATION) for each in judged)
    first = next((sides for sides in every if shown and sides.name == shown.aspect.column), every[0])
    method, score = evidently_score(first)
    return ColumnDrift(
        name=name,
        method=shown.aspect.method if shown else "none",
        score=shown.aspect.effect if shown else None,
        p_value=shown.p_value if shown and enough else None,
        limit=shown.aspect.limit if shown else None,
        drifted=drifted,
        verdict=Verdict.FAIL if drifted else Verdict.PASS if enough and measured else Verdict.UNDECIDED,
        rows=len(first.current),
        reference_rows=len(first.reference),
        findings=_findings(name, first, judged, shown, enough=enough, measured=measured),
        evidently_method=method,
        evidently_score=score,
    )


def _shown(judged: list[_Judged], drifted: bool) -> _Judged | None:
    """The aspect that a column's score is taken from: the drifted one furthest beyond its limit, else the distribution."""
    among = [each for each in judged if each.drifted] if drifted else []
    among = among or [each for each in judged if each.aspect.method in (WASSERSTEIN, TOTAL_VARIATION)] or judged
    return max(among, key=lambda each: each.aspect.effect / each.aspect.limit, default=None)


def _findings(name: str, sides: Sides, judged: list[_Judged], shown: _Judged | None, *, enough: bool, measured: bool) -> tuple[str, ...]:
    words = [*described(sides, enough and any(each.drifted for each in judged))]
    if sides.name != name:
        words.insert(0, strongest(sides))
    if not measured:
        words.append(f"fewer than {LEAST_USABLE} usable values on a side: the distribution could not be judged")
    if enough:
        words.extend(
            f"{each.aspect.method} drifted too: {each.aspect.effect:.4g}, limit {each.aspect.limit:.4g}, p {each.p_value:.3g}"
            for each in judged
            if each.drifted and each is not shown
        )
    return tuple(words)


def _pool(schema: Schema, reference: pd.DataFrame, current: pd.DataFrame, seed: tuple[int, int]) -> Pool:
    rng = np.random.default_rng(seed)
    entity = schema.entity
    sides = [units(frame[entity] if entity in frame.columns else None, len(frame), rng) for frame in (reference, current)]
    return pool(sides[0], sides[1], rng)


def outputs(schema: Schema, holdout: Outputs, current: Outputs) -> list[Sides]:
    """Outputs as columns: the positive class's probability, every class's where there are more than two, or the predicted value."""
    if schema.task is Task.REGRESSION or holdout.ndim == 1:
        return [numbers(PREDICTION, holdout, current)]
    if schema.task is Task.BINARY:
        return [numbers(PREDICTION, holdout[:, 1], current[:, 1])]
    return [numbers(f"P({label})", holdout[:, at], current[:, at]) for at, label in enumerate(schema.classes)]


def _overall(every: Sequence[ColumnDrift]) -> Verdict:
    verdicts = {column.verdict for column in every}
    return next((verdict for verdict in (Verdict.FAIL, Verdict.PASS) if verdict in verdicts), Verdict.UNDECIDED)


def _problems(schema: Schema, current: pd.DataFrame, columns: Sequence[ColumnDrift], prediction: ColumnDrift | None) -> list[str]:
    known = {*schema.features, schema.target, schema.entity, schema.time}
    found = [
        f"column {name!r} is not in the window; it is judged as all missing" for name in schema.features if name not in current.columns
    ]
    found += [
        f"column {name!r} is new in the window; the version does not know it, so it is not judged"
        for name in current.columns
        if name not in known
    ]
    every = [*columns, *([prediction] if prediction else [])]
    if all(column.verdict is Verdict.UNDECIDED for column in every):
        found.append(
            f"too little evidence: {len(current)} rows in the window, and every side needs {LEAST_ROWS} (entities, where they repeat)"
        )
    else:
        found += [
            f"column {column.name!r} could not be judged: {column.findings[-1]}" for column in every if column.verdict is Verdict.UNDECIDED
        ]
    if prediction is None:
        found.append("the prediction was not judged: the version's outputs are not there on both sides")
    return found
