"""What is measured about a candidate before it is judged, and about a window: values only, no limits applied."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftgate.lifecycle.measurements_former import FormerChampion
from driftgate.lifecycle.schema import Task
from driftgate.lifecycle.verdicts import Estimate, Verdict


@dataclass(frozen=True, slots=True)
class SchemaCheck:
    """How the candidate's schema stands to what it will be asked.

    `problems`: reasons the version cannot serve (a feature constant, all missing, ...). `changes`: differences from the
    champion's schema that a caller would notice (a feature added, dropped or of another kind, another target).
    """

    problems: tuple[str, ...]
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Performance:
    """How the candidate did on its holdout.

    `metrics`: point values by name; NaN is left out and named in `undefined`. `auc` (classification; macro one-vs-rest
    for multiclass) or `mae` with `median_mae` (regression: the loss of always saying the training median, and
    `mae_advantage` = median_mae - mae with bounds) are what beating chance is judged by. `base_log_loss`: the log-loss
    of always saying the base rate.
    """

    task: Task
    rows: int
    metrics: Mapping[str, float]
    undefined: tuple[str, ...] = ()
    confidence: float = 0.95
    auc: Estimate | None = None
    mae_advantage: Estimate | None = None
    base_log_loss: float | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Candidate against champion on the same rows, none of which either was trained on.

    `difference`: mean of (candidate's loss - champion's loss) per row, with one-sided bounds each at `confidence`.
    `excluded`: holdout rows left out because the champion had trained on them. `units`: what was resampled
    (`rows`, `entities` or `blocks`) and `groups`, how many of them. `former`: those that were champion before, newest first, of the last
    `best_of` champions, the present one among them; 0: nobody was looked for.
    """

    champion: int
    loss: str
    rows: int
    excluded: int
    candidate_loss: float
    champion_loss: float
    difference: Estimate
    confidence: float
    units: str
    groups: int
    seed: int
    best_of: int = 0
    former: tuple[FormerChampion, ...] = ()


@dataclass(frozen=True, slots=True)
class ScenarioOutcome:
    """What one perturbation does to the loss.

    `growth`: (loss - base loss) / base loss, with one-sided bounds at the simulation's confidence. `worse_than_champion`:
    the candidate's growth minus the champion's on the same rows and perturbation; None where there is no champion or it
    lacks the feature; `champion_growth`: the champion's own. `over_champion_now`: the candidate's loss under the perturbation minus
    the champion's without it, in units of the loss: below 0, even the drifted candidate loses less than what serves now. For
    regression `loss` is MAE, `rmse` is set and `lift` is not. `problem`: why the version could not score these rows; the loss is then
    NaN and nothing has bounds.
    """

    scenario: str
    kind: str
    magnitude: float
    features: tuple[str, ...]
    rows: int
    loss: float
    growth: Estimate
    lift: float | None = None
    rmse: float | None = None
    worse_than_champion: Estimate | None = None
    champion_growth: Estimate | None = None
    over_champion_now: Estimate | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Degradation:
    """The degradation envelope: the base case and every scenario on the snapshot's holdout.

    `loss`: `log_loss` or `mae`. `breaks_at`: for each scaled feature, the smallest simulated magnitude whose growth's upper
    bound passes `break_limit`, or None where none does; `champion_breaks_at`: the same of the champion's growth.
    """

    loss: str
    rows: int
    seed: int
    confidence: float
    base: ScenarioOutcome
    scenarios: tuple[ScenarioOutcome, ...]
    breaks_at: Mapping[str, float | None] = field(default_factory=dict)
    break_limit: float = 0.1
    champion_breaks_at: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the user's own tests said. `collected` None: they could not be collected; `output`: the last lines they printed."""

    collected: int | None
    passed: int
    failed: int
    seconds: float
    timed_out: bool
    exit_code: int | None
    failures: tuple[str, ...] = ()
    output: str = ""


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column of a window against the snapshot.

    `score`: the effect in `method`'s own unit; `p_value`: adjusted over all columns judged together; `limit`: the least
    effect that matters. `drifted` needs both. `undecided` says why no verdict was possible (too few values, ...).
    `findings`: missing values, unseen levels, out-of-range numbers, lost column, in words. `evidently`: its own score.
    """

    name: str
    method: str
    score: float | None
    p_value: float | None
    limit: float | None
    drifted: bool
    verdict: Verdict
    rows: int
    reference_rows: int
    findings: tuple[str, ...] = ()
    evidently_method: str | None = None
    evidently_score: float | None = None


@dataclass(frozen=True, slots=True)
class DriftMeasurement:
    """Data drift (against train + holdout) and prediction drift (against the holdout) of one window.

    `verdict`: `fail` where a column or the prediction drifted, `pass` where none did, `undecided` where the window is too small.
    `level`: the designed chance of any false alarm. `problems`: columns that could not be measured, and why.
    """

    model: str
    version: int
    rows: int
    reference_rows: int
    level: float
    verdict: Verdict
    columns: tuple[ColumnDrift, ...]
    prediction: ColumnDrift | None
    problems: tuple[str, ...] = ()
    seed: int = 0

    @property
    def drifted(self) -> tuple[str, ...]:
        """Names of what drifted, the prediction last."""
        every = (*self.columns, *((self.prediction,) if self.prediction else ()))
        return tuple(column.name for column in every if column.drifted)
