"""How the version that serves does on matured outcomes, over a window and by period."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.lifecycle.gates import SMALLER_IS_BETTER
from driftgate.lifecycle.measurements_live import Beyond, LivePerformance, PerformanceOverTime, PeriodPerformance
from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports import losses
from driftgate.reports.bounds import grouping
from driftgate.reports.live.bounding import Bounding, beyond, beyond_either, growth, mean, units
from driftgate.reports.live.matching import matched
from driftgate.reports.live.metrics import metrics, names
from driftgate.reports.live.periods import periods

Floats: TypeAlias = npt.NDArray[np.float64]


def measure(
    schema: Schema,
    outputs: Any,
    truths: Iterable[Any],
    *,
    threshold: float | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    entities: Any = None,
    times: Any = None,
    limits: Mapping[str, float] | None = None,
    loss_growth: float | None = None,
    reference_losses: Floats | None = None,
    reference_entities: Any = None,
    reference_loss: float | None = None,
) -> LivePerformance:
    """The metrics with one-sided bounds, each at `confidence`, and how surely they lie beyond the limits.

    `outputs`: probabilities in class order, or numbers; rows may be None. `entities`, `times`: of each row, where entities repeat or the
    rows follow each other in time. `limits`: metric -> least value (for losses, largest; for `bias`, largest in either direction).
    `reference_losses`: each holdout row's loss, whose uncertainty then counts in the growth; else `reference_loss`, taken as exact.
    Shares are bounded by Clopper and Pearson (with entities or times: Korn and Graubard), the rest by `bounds.corrected`.
    """
    rows = matched(schema, outputs, truths)
    loss = losses.per_row_loss(rows.outputs, rows.y, schema)
    groupings = units(len(loss), rows.of(entities), rows.of(times), loss)
    found = metrics(schema, rows.outputs, rows.y, threshold, groupings, seed)
    held = _reference(reference_losses, reference_entities, reference_loss)
    grown = growth(mean(loss, groupings), held) if held is not None and len(loss) else None
    widest = min(groupings, key=lambda groups: groups.count)
    return LivePerformance(
        task=schema.task,
        rows=len(loss),
        unusable=int((~rows.kept).sum()),
        metrics=_estimates(found, confidence),
        loss=losses.loss_name(schema),
        confidence=confidence,
        units=widest.units,
        groups=widest.count,
        undefined=tuple(name for name in names(schema) if name not in _estimates(found, confidence)),
        beyond={name: against(found[name], name, limit) for name, limit in sorted((limits or {}).items()) if name in found},
        growth=None if grown is None or not np.isfinite(grown(confidence).value) else grown(confidence),
        growth_beyond=None if grown is None or loss_growth is None else beyond(grown, loss_growth, above=True),
        reference_loss=None if held is None else held(confidence).value,
        reference_rows=0 if reference_losses is None else len(reference_losses),
        problems=rows.problems,
        seed=seed,
    )


def against(bounding: Bounding, name: str, limit: float) -> Beyond:
    """How sure it is that the metric breaks its limit: too low, for losses too high, for the bias too far from 0."""
    if name == "bias":
        return Beyond(limit, beyond_either(bounding, -limit, limit).p_value)
    return beyond(bounding, limit, above=name in SMALLER_IS_BETTER)


def over_time(
    schema: Schema,
    outputs: Any,
    truths: Iterable[Any],
    *,
    times: Any,
    threshold: float | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    entities: Any = None,
) -> PerformanceOverTime:
    """The same metrics by day, week or month: the finest at which the typical period has 50 rows. `times`: aware, or UTC."""
    rows = matched(schema, outputs, truths)
    name, cut = periods(rows.of(times))
    whom = rows.of(entities)
    parts = []
    for start, end, chosen in cut:
        groups = (grouping(len(chosen), None if whom is None else whom[chosen]),)
        found = metrics(schema, rows.outputs[chosen], rows.y[chosen], threshold, groups, seed)
        parts.append(PeriodPerformance(start, end, len(chosen), _estimates(found, confidence)))
    return PerformanceOverTime(name, confidence, tuple(parts))


def _estimates(found: Mapping[str, Bounding], confidence: float) -> dict[str, Estimate]:
    estimates = {name: bounding(confidence) for name, bounding in found.items()}
    return {name: estimate for name, estimate in estimates.items() if np.isfinite(estimate.value)}


def _reference(per_row: Floats | None, entities: Any, value: float | None) -> Bounding | None:
    if per_row is not None and len(per_row):
        return mean(np.asarray(per_row, dtype=np.float64), (grouping(len(per_row), entities),))
    return None if value is None else lambda _confidence: Estimate(value, value, value)
