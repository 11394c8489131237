"""What each scenario does to a version's losses, row by row: perturbations scored once, shares of rows by arithmetic."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.ports import Scorer
from driftgate.lifecycle.schema import Schema
from driftgate.reports import losses
from driftgate.reports.perturbing import Copy, Table, perturbed, scored, table
from driftgate.reports.scenarios import Kind, Scenario

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

JUDGED_ROWS = 1_000
"""Rows that every perturbation is scored on, where there are as many: bounds from a few dozen skewed losses are wrong too often."""


@dataclass(frozen=True, slots=True)
class Side:
    """One version on the holdout: its outputs without perturbation, in the class order of `schema`, and each row's loss."""

    scorer: Scorer
    rows: Table
    schema: Schema
    y: Floats | Ints
    outputs: Floats
    loss: Floats


@dataclass(frozen=True, slots=True)
class Effect:
    """What a scenario does to one side.

    `outputs`: of every row, touched or not; `weights`: of the rows, None where all count the same. `mean_loss` and `mean_square`: of
    the per-row losses; on a share of the rows, what they are expected to be over all draws of that many rows. `growth` of the mean
    loss, NaN where the base loss is 0. `influence`: each row's, on the growth; its mean over rows is 0.
    """

    outputs: Floats
    weights: Floats | None
    mean_loss: float
    mean_square: float
    growth: float
    influence: Floats


def side(scorer: Scorer, frame: pd.DataFrame, y: Floats | Ints, schema: Schema, seed: int) -> Side:
    """The version on the rows of the frame, conformed to its own schema; `y` and losses are in terms of `schema`."""
    outputs = np.asarray(scorer.score(frame[list(scorer.schema.features)]), dtype=np.float64)
    aligned = losses.align(outputs, scorer.schema, schema)
    return Side(scorer, table(frame, scorer.schema, seed), schema, y, aligned, losses.per_row_loss(aligned, y, schema))


def effects(
    candidate: Side, champion: Side | None, scenarios: Sequence[Scenario], seed: int
) -> Iterator[tuple[Scenario, Effect | str, Effect | None]]:
    """Each scenario with its effect on the candidate (or why it could not be scored) and on the champion.

    Scenarios that differ only in how many rows they touch come together. The champion's effect is None where there is no champion,
    where it has none of the features as the same kind of column, or where it could not score them.
    """
    order = np.random.default_rng(seed).permutation(candidate.rows.rows)
    groups = _groups(scenarios)
    answers = _answers(candidate, groups, order, frozenset(candidate.rows.schema.features))
    if champion is None:
        for group, answer in zip(groups, answers, strict=True):
            yield from ((scenario, _effect(candidate, scenario, answer, order), None) for scenario in group)
        return
    common = _common(candidate.rows.schema, champion.rows.schema)
    for group, answer, rival in zip(groups, answers, _answers(champion, groups, order, common), strict=True):
        for scenario in group:
            comparable = not scenario.features or not common.isdisjoint(scenario.features)
            met = _effect(champion, scenario, rival, order) if comparable else None
            yield scenario, _effect(candidate, scenario, answer, order), None if isinstance(met, str) else met


def unaffected(of: Side) -> Effect:
    """The effect of nothing."""
    return Effect(of.outputs, None, float(of.loss.mean()), float((of.loss**2).mean()), 0.0, np.zeros(len(of.loss)))


def _groups(scenarios: Sequence[Scenario]) -> list[list[Scenario]]:
    """Scenarios by the perturbation that they share."""
    plan: dict[tuple[Kind, tuple[str, ...], float], list[Scenario]] = {}
    for scenario in scenarios:
        kind = Kind.SCALE if scenario.kind is Kind.MULTIVARIATE else scenario.kind
        plan.setdefault((kind, scenario.features, 0.0 if kind is Kind.MISSING else scenario.magnitude), []).append(scenario)
    return list(plan.values())


def _common(candidate: Schema, champion: Schema) -> frozenset[str]:
    """Features that both have, as the same kind of column."""
    kinds = {column.name: column.kind for column in champion.columns}
    return frozenset(column.name for column in candidate.columns if kinds.get(column.name) is column.kind)


def _answers(of: Side, groups: list[list[Scenario]], order: Ints, known: frozenset[str]) -> Iterator[Floats | str | None]:
    """What the version says to each group's perturbation of the known features, on the rows that its largest scenario touches.

    And on `JUDGED_ROWS` at least: the loss of a share of rows is a mixture, whose perturbed part more rows tell better.
    """
    return scored(of.scorer, of.rows, [_copy(of, group, order, known) for group in groups])


def _copy(of: Side, group: list[Scenario], order: Ints, known: frozenset[str]) -> Copy | None:
    kind, magnitude = group[0].kind, group[0].magnitude
    features = tuple(name for name in group[0].features if name in known)
    if kind is Kind.REWEIGHT or not features:
        return None
    judged = min(len(order), max(JUDGED_ROWS, *(scenario.touched(len(order)) for scenario in group)))
    return perturbed(of.rows, kind, features, magnitude, None if judged == len(order) else order[:judged])


def _effect(of: Side, scenario: Scenario, answer: Floats | str | None, order: Ints) -> Effect | str:
    if isinstance(answer, str):
        return answer
    if scenario.kind is Kind.REWEIGHT:
        return _reweighted(of, scenario)
    if answer is None:
        return unaffected(of)
    total, touched = len(order), scenario.touched(len(order))
    said = losses.align(answer, of.scorer.schema, of.schema)
    judged = order[: len(said)]
    if len(said) == total:
        said = said[order]
    outputs = of.outputs.copy()
    outputs[order[:touched]] = said[:touched]
    after, before = losses.per_row_loss(said, of.y[judged], of.schema), of.loss[judged]
    share, mean = touched / total, float(of.loss.mean())
    moved = mean + share * float((after - before).mean())
    square = float((of.loss**2).mean()) + share * float((after**2 - before**2).mean())
    growth = _growth(moved, mean)
    influence = -growth * (of.loss - mean)
    influence[judged] += share * total / len(judged) * (after - before - (after - before).mean())
    return Effect(outputs, None, moved, square, growth, influence / mean if mean > 0 else influence)


def _growth(moved: float, mean: float) -> float:
    return moved / mean - 1.0 if mean > 0 else float("nan")


def _reweighted(of: Side, scenario: Scenario) -> Effect:
    """Rows whose category is not the most common one (missing counts as one) weigh `magnitude` times."""
    codes, levels = pd.factorize(of.rows.columns[scenario.features[0]], use_na_sentinel=False)
    mode = int(np.bincount(codes, minlength=len(levels)).argmax())
    weights = np.where(codes == mode, 1.0, scenario.magnitude)
    mean, moved = float(of.loss.mean()), float(np.average(of.loss, weights=weights))
    growth = _growth(moved, mean)
    influence = weights * (of.loss - moved) / weights.mean() - (1.0 + growth) * (of.loss - mean)
    square = float(np.average(of.loss**2, weights=weights))
    return Effect(of.outputs, weights, moved, square, growth, influence / mean if mean > 0 else influence)
