"""What is measured for the gates that refuse on proof of harm: values only; a limit is in them only where a chance was asked of it."""

from dataclasses import dataclass

from driftgate.lifecycle.measurements_live import Beyond, Calibration
from driftgate.lifecycle.measurements_shift import DomainShift
from driftgate.lifecycle.verdicts import Estimate


@dataclass(frozen=True, slots=True)
class Segment:
    """The shared unseen rows of one segment: a level of a category, a range of a number, or where it is missing.

    `difference`: of the losses, candidate - champion, with one-sided bounds. `beyond`: that it is over the line of the slices; None on
    too few rows for any bound. `units`: how many rows, or entities where they repeat, it has.
    """

    feature: str
    name: str
    rows: int
    units: int
    candidate_loss: float
    champion_loss: float
    difference: Estimate
    beyond: Beyond | None = None


@dataclass(frozen=True, slots=True)
class Slices:
    """Candidate against champion, segment by segment, on the rows of the comparison.

    `line`: the difference in loss from which a segment is harmed, `margin` x the champion's loss on all the rows. `confidence`: of the
    bounds that are shown. `units`: what counts as independent.
    """

    champion: int
    loss: str
    rows: int
    champion_loss: float
    margin: float
    line: float
    confidence: float
    units: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class HoldoutCalibration:
    """Whether the candidate's predictions mean what they say, on its holdout.

    The `*_beyond` of `candidate` are of the two limits: `intercept_limit` in log-odds (regression: standard deviations of the truth) and
    `slope_limit`, for a slope outside [1 / (1 + limit), 1 + limit]. `ece`: with bounds (classification). `champion`: of those rows of the
    same holdout that the champion was not trained on; None where there is none, or it answers in another way. `shared`: the candidate's on
    just those rows; None where `champion` is.
    """

    candidate: Calibration
    intercept_limit: float
    slope_limit: float
    ece: Estimate | None = None
    champion: Calibration | None = None
    champion_version: int | None = None
    shared: Calibration | None = None


@dataclass(frozen=True, slots=True)
class Freshness:
    """How well the newest payloads can be told from the candidate's snapshot (train and holdout), and from the champion's.

    `asked`: how many payloads were asked for; `rows`: how many there were. `level`: 1 - the confidence of each one-sided bound.
    `shift` None: there were no payloads. `champion_auc`, or without a champion `own_auc` (the snapshot's own newest rows, as many, against
    the rest of it): measured where the candidate's is over its limit, None where not, or where rows have no order.
    """

    asked: int
    rows: int
    level: float
    shift: DomainShift | None = None
    champion: int | None = None
    champion_auc: Estimate | None = None
    own_auc: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """One number of a feature or class: what it is about, what it was held against, and the estimate with its lower bound."""

    name: str
    against: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class DataQuality:
    """What is wrong with the candidate's snapshot.

    `duplicates`: share of its rows that say what an earlier one says. `overlap`: share of the holdout's rows that stand in train as well.
    `*_by_chance`: the same share of rows that are drawn anew from the columns' values, large where these are few.
    `entity_overlap`: whose entity does, where there is an entity and no time (None otherwise). `missing`: by feature, the growth of the
    share of missing values; `labels`: by class, the change of its share (regression: the largest gap between the distributions); both
    from train to holdout and from the champion's snapshot, their bounds at 1 - `level` together. `leaks`: by feature, how well it alone
    ranks the holdout's targets: ROC AUC, or of a regression the concordance (1 + Kendall's tau) / 2; their bounds are at 1 - `level` each.
    `exchanges`: pairs of features that are nearer to each other than to themselves, from train to holdout and from the champion's snapshot,
    and by how much; their bounds are at 1 - `level` together.
    """

    train_rows: int
    holdout_rows: int
    level: float
    duplicates: float
    overlap: float
    entity_overlap: float | None = None
    missing: tuple[Measured, ...] = ()
    labels: tuple[Measured, ...] = ()
    leaks: tuple[Measured, ...] = ()
    duplicates_by_chance: float = 0.0
    overlap_by_chance: float = 0.0
    exchanges: tuple[Measured, ...] = ()


@dataclass(frozen=True, slots=True)
class Replay:
    """The newest payloads, scored by the candidate as a request would be.

    `asked`: how many payloads were asked for; `rows`: how many there were. `errors`: those that it cannot take, with `examples` in words.
    `compared`: those whose logged answer is of the same kind, of which `changed` get another class, or a number that is off by more than
    a tenth of the answers' standard deviation. `moved`: mean absolute change of the probability of the logged class, or of the number.
    `problem`: why the log cannot be replayed at all.
    """

    asked: int
    rows: int
    errors: int = 0
    examples: tuple[str, ...] = ()
    compared: int = 0
    changed: int = 0
    moved: float | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a loaded version costs: milliseconds of a warm call on one thread, size on disk, memory in MB (1,000,000 bytes).

    `p99_ms`: the 99th percentile of the calls of a round, in the quietest of several rounds; `median_ms` and `fastest_ms`: of all calls.
    `memory_mb`: the most that loading it and scoring a batch held at a time, as Python and NumPy allocate it; a library's own memory,
    such as that of XGBoost, is not seen.
    """

    p99_ms: float
    median_ms: float
    calls: int
    artifact_mb: float
    memory_mb: float
    fastest_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What candidate and champion cost, measured in turn on the same batch. The one measurement that is not the same twice."""

    batch_rows: int
    candidate: Footprint
    champion: Footprint | None = None
    champion_version: int | None = None
