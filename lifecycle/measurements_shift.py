"""What is measured of a shift of the population: values only, no limits applied."""

from collections.abc import Mapping
from dataclasses import dataclass

from driftgate.lifecycle.verdicts import Estimate


@dataclass(frozen=True, slots=True)
class ColumnShift:
    """How well one column alone tells the window from the snapshot: its cross-validated area under the ROC curve."""

    name: str
    auc: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column that took no part, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class DomainShift:
    """How well a classifier tells the rows of the window from those of the snapshot.

    `auc`: cross-validated; 0.5 where nothing tells them apart, 1 where they are separable; one-sided bounds, each at `confidence`. None
    where it is undecided, and `undecided` says why. `rows`, `reference_rows`: of the sides; `judged_rows`,
    `judged_reference_rows`: those that were drawn to be judged. `units`: what counts as independent, `rows` or `entities`.
    `columns`: every column that took part, the one that gives most away first.
    """

    rows: int
    reference_rows: int
    judged_rows: int
    judged_reference_rows: int
    units: str
    auc: Estimate | None
    confidence: float
    columns: tuple[ColumnShift, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    undecided: str | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class EnvelopePoint:
    """One scenario of the degradation envelope together with the drift that it would show as.

    `magnitude`: the scenario's. `effects`: by drift method (`normalised_wasserstein`, `total_variation`, `missing_rate`, `unseen_mass`,
    `out_of_range`), the size of the effect on `feature` that a drift report would measure. `growth`: of the loss, with the simulation's
    one-sided bounds.
    """

    scenario: str
    kind: str
    feature: str
    magnitude: float
    effects: Mapping[str, float]
    growth: Estimate


@dataclass(frozen=True, slots=True)
class ExpectedMetric:
    """One metric: what to expect of it in the window, what it was on the holdout, and by how much it grew, relatively.

    `growth` None where the holdout's value is 0 or a value is not defined.
    """

    name: str
    expected: Estimate
    holdout: float
    growth: Estimate | None = None


@dataclass(frozen=True, slots=True)
class ExpectedPerformance:
    """What to expect of a version's performance in a window whose outcomes are not there yet: an estimate, never a measurement.

    `metrics`: the loss (`log_loss` or `mae`) first. `assumptions`: what it takes for granted, in words. `confidence`: of each one-sided
    bound. `undecided`: why there is no estimate.
    """

    rows: int
    holdout_rows: int
    method: str
    confidence: float
    metrics: tuple[ExpectedMetric, ...] = ()
    assumptions: tuple[str, ...] = ()
    undecided: str | None = None
    seed: int = 0
