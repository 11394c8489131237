"""What the outputs of a window look like: null ones, unsure ones, those out of range, and their mean over time."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.lifecycle.measurements_live import Beyond, OutputsMeasurement, PeriodMean
from driftgate.lifecycle.schema import Schema, Task
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.bounds import Grouping, grouping
from driftgate.reports.live.bounding import Bounding, beyond, difference, share, units
from driftgate.reports.live.matching import as_outputs, complete
from driftgate.reports.live.periods import periods

Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]

TOLERATED_UNSURE = 0.05
"""Points by which the share of unsure rows may exceed the holdout's."""
TOLERATED_OUTSIDE = 0.01
"""Share of predictions that may lie outside the holdout's range, beyond what its finite size lets through."""


def measure(
    schema: Schema,
    outputs: Any,
    reference: Any,
    *,
    low_confidence: float = 0.5,
    null_outputs: float = 0.01,
    confidence: float = 0.95,
    seed: int = 0,
    entities: Any = None,
    times: Any = None,
) -> OutputsMeasurement:
    """The outputs of the window against those of the holdout, with one-sided bounds each at `confidence`.

    `outputs`: as the payloads hold them; None, an empty one, one of the wrong length and one that is no number are null.
    `reference`: the version's outputs on its holdout. `low_confidence`: a row is unsure where its margin, the highest probability less
    the next, is under it. `null_outputs`: the share of null outputs from which it counts.
    """
    every, before = as_outputs(schema, outputs), as_outputs(schema, reference)
    kept = complete(every)
    said, before = every[kept], before[complete(before)]
    value = _value(said, schema)
    whom, when = _of(entities, kept), _of(times, kept)
    groupings = units(len(said), whom, when, value)
    nulls = share(~kept, (grouping(len(every), entities),)) if len(every) else None
    widest = min(groupings, key=lambda groups: groups.count)
    period, means = _over_time(value, whom, when)
    return OutputsMeasurement(
        task=schema.task,
        rows=len(every),
        reference_rows=len(before),
        confidence=confidence,
        units=widest.units,
        groups=widest.count,
        nulls=None if nulls is None else nulls(confidence),
        nulls_beyond=None if nulls is None else beyond(nulls, null_outputs, above=True),
        low_confidence=low_confidence,
        **_against_holdout(schema, said, before, groupings, low_confidence, confidence),
        mean=float(value.mean()) if len(value) else None,
        mean_error=_error(value, groupings),
        reference_mean=float(_value(before, schema).mean()) if len(before) else None,
        mean_entropy=float(entropy(said).mean()) if said.ndim > 1 and len(said) else None,
        period=period,
        periods=means,
        seed=seed,
    )


def margin(outputs: Floats) -> Floats:
    """The highest probability less the next, in [0, 1], shape (n,)."""
    top = np.sort(outputs, axis=1)[:, -2:]
    return np.asarray(top[:, 1] - top[:, 0], dtype=np.float64)


def entropy(outputs: Floats) -> Floats:
    """The entropy of each row over that of equal probabilities, in [0, 1], shape (n,)."""
    inside = np.clip(outputs, 1e-300, 1.0)
    return np.asarray(-np.sum(outputs * np.log(inside), axis=1) / np.log(outputs.shape[1]), dtype=np.float64)


def _of(values: Any, kept: Mask) -> Any:
    return None if values is None else np.asarray(values)[kept]


def _value(outputs: Floats, schema: Schema) -> Floats:
    """One number per output: the prediction, the positive class's probability, or the most probable class's."""
    if schema.task is Task.REGRESSION:
        return outputs
    return np.asarray(outputs[:, 1] if schema.task is Task.BINARY else outputs.max(axis=1), dtype=np.float64)


def _against_holdout(
    schema: Schema, said: Floats, before: Floats, groupings: Sequence[Grouping], low_confidence: float, confidence: float
) -> dict[str, Any]:
    if not len(said) or not len(before):
        return {}
    if schema.task is Task.REGRESSION:
        outside = share((said < before.min()) | (said > before.max()), groupings)
        return {"outside": outside(confidence), "outside_beyond": _outside(outside, len(before))}
    unsure = share(margin(said) < low_confidence, groupings)
    reference = share(margin(before) < low_confidence, (grouping(len(before)),))
    grown = difference(unsure, reference)
    return {
        "unsure": unsure(confidence),
        "reference_unsure": reference(confidence),
        "unsure_growth": grown(confidence),
        "unsure_beyond": beyond(grown, TOLERATED_UNSURE, above=True),
    }


def _outside(outside: Bounding, reference_rows: int) -> Beyond:
    """Beyond the tolerated share and what the range of so few holdout rows lets through.

    The share of the same distribution outside the range of n rows follows Beta(2, n - 1) (David and Nagaraja 2003, section 7.3); its
    quantile at the confidence that is asked for is taken off, so that the level holds for both together by halves.
    """
    from scipy.stats import beta

    def exceeding(confidence: float) -> Estimate:
        found = outside((1.0 + confidence) / 2.0)
        chance = float(beta.ppf((1.0 + confidence) / 2.0, 2.0, max(reference_rows - 1, 1)))
        return Estimate(found.value, None if found.lower is None else found.lower - chance, found.upper)

    return beyond(exceeding, TOLERATED_OUTSIDE, above=True)


def _error(values: Floats, groupings: Sequence[Grouping]) -> float | None:
    """The standard error of the mean, the largest by any grouping; None for one group."""
    errors = []
    for groups in groupings:
        if groups.count < 2 or not len(values):  # noqa: PLR2004 - no variance in one group
            return None
        totals = groups.totals(values - values.mean())
        errors.append(float(np.sqrt(groups.count / (groups.count - 1) * np.sum(totals**2))) / len(values))
    return max(errors)


def _over_time(values: Floats, entities: Any, times: Any) -> tuple[str | None, tuple[PeriodMean, ...]]:
    if times is None or not len(values):
        return None, ()
    name, parts = periods(times)
    found = []
    for start, end, rows in parts:
        groups = (grouping(len(rows), None if entities is None else entities[rows]),)
        found.append(PeriodMean(start, end, len(rows), float(values[rows].mean()), _error(values[rows], groups)))
    return name, tuple(found)
