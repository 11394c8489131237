"""What is measured about the version that serves, on a window: values only, no limits applied but those a chance was asked of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from driftgate.lifecycle.schema import Task
from driftgate.lifecycle.verdicts import Estimate


@dataclass(frozen=True, slots=True)
class Beyond:
    """How sure it is that a number lies beyond a limit.

    `p_value`: the least level at which the number's one-sided bound excludes the limit; 1 where the estimate itself is within it.
    None: the number has no bounds, so nothing can be said.
    """

    limit: float
    p_value: float | None


@dataclass(frozen=True, slots=True)
class LivePerformance:
    """How a version did on the matured outcomes of a window.

    `metrics`: with one-sided bounds, each at `confidence`; what is not defined is left out and named in `undefined`. `beyond`: for each
    metric with a limit. `growth`: of the mean loss over the holdout's, relative; `growth_beyond` its limit. `unusable`: rows left out
    because the outcome or the output says nothing, which `problems` put in words. `units`: what counts as independent, `groups` how
    many of them. `reference_rows`: of the holdout that the growth is held against; 0 where its loss was taken as exact.
    """

    task: Task
    rows: int
    unusable: int
    metrics: Mapping[str, Estimate]
    loss: str
    confidence: float
    units: str
    groups: int
    undefined: tuple[str, ...] = ()
    beyond: Mapping[str, Beyond] = field(default_factory=dict)
    growth: Estimate | None = None
    growth_beyond: Beyond | None = None
    reference_loss: float | None = None
    reference_rows: int = 0
    problems: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class PeriodPerformance:
    """The metrics of the rows between two instants, `[start, end)`, UTC."""

    start: datetime
    end: datetime
    rows: int
    metrics: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class PerformanceOverTime:
    """Performance by `day`, `week` (from Monday) or `month`; periods without rows are left out."""

    period: str
    confidence: float
    periods: tuple[PeriodPerformance, ...]


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Rows of like predictions: their mean prediction and their mean outcome with bounds."""

    said: float
    observed: Estimate
    rows: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether predictions mean what they say.

    Classification: `intercept` with the slope held at 1, and `slope`, of the outcome's log-odds on the prediction's; perfect: 0 and 1.
    Regression: of the truth on the prediction; `intercept` is then in the target's unit. `ece` is None there, and so is `ece_by_chance`:
    the error that perfect probabilities would show at this size. `*_beyond`: outside the tolerated amount on either side.
    """

    task: Task
    rows: int
    bins: tuple[CalibrationBin, ...]
    confidence: float
    units: str
    groups: int
    ece: float | None = None
    ece_by_chance: float | None = None
    intercept: Estimate | None = None
    intercept_beyond: Beyond | None = None
    slope: Estimate | None = None
    slope_beyond: Beyond | None = None
    undefined: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class PeriodMean:
    """The mean output of the rows in `[start, end)`, UTC, with its standard error; None for one group."""

    start: datetime
    end: datetime
    rows: int
    mean: float
    error: float | None


@dataclass(frozen=True, slots=True)
class OutputsMeasurement:
    """What a window's outputs look like; needs no outcomes.

    `nulls`: share of payloads without a usable output. `unsure`: share of rows whose margin is under `low_confidence`
    (classification), `reference_unsure` of the holdout, `unsure_growth` the difference. `outside`: share of the predictions outside
    the holdout's range (regression). `mean`: of the positive class's probability, the most probable class's, or the number.
    """

    task: Task
    rows: int
    reference_rows: int
    confidence: float
    units: str
    groups: int
    nulls: Estimate | None
    nulls_beyond: Beyond | None
    low_confidence: float
    unsure: Estimate | None = None
    reference_unsure: Estimate | None = None
    unsure_growth: Estimate | None = None
    unsure_beyond: Beyond | None = None
    outside: Estimate | None = None
    outside_beyond: Beyond | None = None
    mean: float | None = None
    mean_error: float | None = None
    reference_mean: float | None = None
    mean_entropy: float | None = None
    period: str | None = None
    periods: tuple[PeriodMean, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ConceptShift:
    """The growth of the mean loss from snapshot to window, in three parts that add up to `total`, in the loss's unit.

    `covariate`: from the snapshot to what both share, under the old concept. `concept`: on what both share, from old outcomes to new
    ones. `outside`: from what both share to the window. `shared`: how much both overlap, 1 where they are alike and 0 where they are
    apart; `outside_share`: of the window's rows, those next to which the snapshot has hardly any. `effective_rows`: what the rows of
    window and snapshot are worth on the shared part. `undecided`: why the parts cannot be told apart: `covariate` and
    `concept` are then None, and `outside` is the whole growth where hardly anything is shared, else None.
    """

    loss: str
    rows: int
    reference_rows: int
    reference_loss: float
    current_loss: float
    total: Estimate
    confidence: float
    units: str
    groups: int
    covariate: Estimate | None = None
    concept: Estimate | None = None
    outside: Estimate | None = None
    concept_beyond: Beyond | None = None
    auc: float | None = None
    shared: float | None = None
    outside_share: float | None = None
    effective_rows: float | None = None
    effective_reference_rows: float | None = None
    undecided: str | None = None
    seed: int = 0
