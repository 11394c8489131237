"""The degradation envelope: how a version's loss grows and its lift falls as its features drift, on its own holdout.

A model scores rows one by one, so each perturbation is scored once. The loss of a share of rows is then a mixture of base and
perturbed losses: it, its growth and the bounds are arithmetic, and do not hang on which rows were drawn. The lift is ranked anew over
the drawn rows and the rest.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.measurements import Degradation, ScenarioOutcome
from driftgate.lifecycle.ports import Scorer
from driftgate.lifecycle.schema import Schema, Task
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports import losses
from driftgate.reports.bounds import Grouping, corrected, grouping
from driftgate.reports.effects import Effect, Side, effects, side, unaffected
from driftgate.reports.scenarios import Kind, Scenario

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Progress: TypeAlias = Callable[[int, int], None]

BREAK_LIMIT = 0.10


def simulate(
    scorer: Scorer,
    holdout: pd.DataFrame,
    y: Floats | Ints,
    scenarios: Sequence[Scenario],
    *,
    seed: int = 0,
    confidence: float = 0.95,
    champion_scorer: Scorer | None = None,
    champion_frame: pd.DataFrame | None = None,
    break_limit: float = BREAK_LIMIT,
    ordered: bool = False,
    progress: Progress | None = None,
) -> Degradation:
    """The envelope over the scenarios, each with the growth of the loss and its one-sided bounds.

    `holdout`: conformed; `y`: what `losses.truth` makes of its target. `champion_frame`: the same rows, conformed to the champion's
    schema (default: the holdout). The champion meets the same perturbation of the features it shares; a scenario of which it has
    no feature has no `worse_than_champion`. `ordered`: rows follow each other in time, so neighbours are judged together.
    `progress(done, total)` is called after each scenario.

    Bounds: the delta method for the ratio of mean losses on the same rows, corrected for skewness (`bounds.corrected`), over
    entities where the schema's entity repeats. A base loss of 0 leaves growth undefined: NaN without bounds. A scenario that
    the version cannot score keeps its place, with loss NaN and the `problem` in words.
    """
    candidate = side(scorer, holdout, y, scorer.schema, seed)
    champion = None
    if champion_scorer is not None:
        champion = side(champion_scorer, holdout if champion_frame is None else champion_frame, y, scorer.schema, seed)
    groups = _groups(holdout, scorer.schema, ordered=ordered)
    outcomes: list[ScenarioOutcome] = []
    for scenario, effect, rival in effects(candidate, champion, scenarios, seed):
        outcomes.append(_outcome(candidate, champion, scenario, effect, rival, groups, confidence))
        if progress is not None:
            progress(len(outcomes), len(scenarios))
    by_name = {outcome.scenario: outcome for outcome in outcomes}
    in_order = tuple(by_name[scenario.name] for scenario in scenarios)
    return Degradation(
        loss=losses.loss_name(scorer.schema),
        rows=len(holdout),
        seed=seed,
        confidence=confidence,
        base=_base(candidate),
        scenarios=in_order,
        breaks_at=breaks_at(in_order, break_limit),
        break_limit=break_limit,
        champion_breaks_at={} if champion is None else breaks_at(in_order, break_limit, champion=True),
    )


def breaks_at(outcomes: Sequence[ScenarioOutcome], limit: float, *, champion: bool = False) -> dict[str, float | None]:
    """For each feature scaled alone, the magnitude nearest to 1 whose growth's upper bound is over the limit; None where none is.

    `champion`: of its growth, for the features that it has.
    """
    single = [outcome for outcome in outcomes if outcome.kind == Kind.SCALE and len(outcome.features) == 1]
    growths = {outcome.scenario: outcome.champion_growth if champion else outcome.growth for outcome in single}
    scaled = [outcome for outcome in single if growths[outcome.scenario] is not None]
    found: dict[str, float | None] = {outcome.features[0]: None for outcome in scaled}
    for outcome in sorted(scaled, key=lambda outcome: abs(np.log(outcome.magnitude))):
        growth, name = growths[outcome.scenario], outcome.features[0]
        upper = None if growth is None else growth.upper
        if found[name] is None and upper is not None and upper > limit:
            found[name] = outcome.magnitude
    return found


def _groups(holdout: pd.DataFrame, schema: Schema, *, ordered: bool) -> Grouping:
    entities = holdout[schema.entity] if schema.entity is not None and schema.entity in holdout.columns else None
    found = grouping(len(holdout), entities)
    if not ordered or found.codes is not None:
        return found
    # Neighbours in runs of n^(1/3) rows: long enough to hold most of a short dependence, and many enough to judge by.
    length = int(np.ceil(len(holdout) ** (1 / 3)))
    codes = np.arange(len(holdout), dtype=np.int64) // max(length, 1)
    return Grouping(codes, int(codes.max(initial=-1)) + 1, "blocks")


def _base(candidate: Side) -> ScenarioOutcome:
    base = unaffected(candidate)
    return ScenarioOutcome(
        scenario="base",
        kind="base",
        magnitude=1.0,
        features=(),
        rows=candidate.rows.rows,
        loss=base.mean_loss,
        growth=Estimate(0.0, 0.0, 0.0),
        lift=_lift(candidate, base),
        rmse=_rmse(candidate.schema, base),
    )


def _outcome(
    candidate: Side,
    champion: Side | None,
    scenario: Scenario,
    effect: Effect | str,
    rival: Effect | None,
    groups: Grouping,
    confidence: float,
) -> ScenarioOutcome:
    touched = scenario.touched(candidate.rows.rows)
    if isinstance(effect, str):
        nothing = Estimate(float("nan"))
        return ScenarioOutcome(
            scenario.name, scenario.kind, scenario.magnitude, scenario.features, touched, float("nan"), nothing, problem=effect
        )
    worse = met = None
    if rival is not None:
        met = corrected(rival.growth, rival.influence, confidence, groups)
        worse = corrected(effect.growth - rival.growth, effect.influence - rival.influence, confidence, groups)
    return ScenarioOutcome(
        scenario=scenario.name,
        kind=scenario.kind.value,
        magnitude=scenario.magnitude,
        features=scenario.features,
        rows=touched,
        loss=effect.mean_loss,
        growth=corrected(effect.growth, effect.influence, confidence, groups),
        lift=_lift(candidate, effect),
        rmse=_rmse(candidate.schema, effect),
        worse_than_champion=worse,
        champion_growth=met,
        over_champion_now=None if champion is None else _over(candidate, champion, effect, groups, confidence),
    )


def _over(candidate: Side, champion: Side, effect: Effect, groups: Grouping, confidence: float) -> Estimate:
    """The candidate's loss under the perturbation minus the champion's without it."""
    mean, rival = float(candidate.loss.mean()), float(champion.loss.mean())
    # The perturbed loss is the base loss times (1 + growth): its influence is that of a product.
    influence = mean * effect.influence + (1.0 + effect.growth) * (candidate.loss - mean) - (champion.loss - rival)
    return corrected(effect.mean_loss - rival, influence, confidence, groups)


def _lift(candidate: Side, effect: Effect) -> float | None:
    if candidate.schema.task is Task.REGRESSION:
        return None
    return losses.probability_lift(effect.outputs, candidate.y.astype(np.int64), effect.weights)


def _rmse(schema: Schema, effect: Effect) -> float | None:
    if schema.task is not Task.REGRESSION:
        return None
    return float(np.sqrt(max(effect.mean_square, 0.0)))
