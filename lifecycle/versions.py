"""Versions, their snapshots, and what a retrain hands over."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from driftgate.lifecycle.plan import ModelPlan, Scalar
from driftgate.lifecycle.schema import Schema


@dataclass(frozen=True, slots=True)
class Trial:
    """One parameter set that a search tried, with its mean cross-validated loss (log-loss, or MAE; smaller is better)."""

    params: Mapping[str, Scalar]
    loss: float
    loss_std: float


@dataclass(frozen=True, slots=True)
class Training:
    """What a fit left in its staging folder.

    `folder` holds `model.pkl` (cloudpickle of a fitted scikit-learn compatible estimator that takes a conformed frame of
    `schema.features`), `train.parquet`, `holdout.parquet` (features, target, entity and time) and, after evaluation,
    `plots/*.png`. `params` are the estimator's own and every choice that shaped the fit, ready for a tracking server.
    """

    model: str
    folder: str
    schema: Schema
    params: Mapping[str, Scalar]
    threshold: float | None
    train_rows: int
    holdout_rows: int
    source: str
    trials: tuple[Trial, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows a version was trained on and judged on; `sha256` is over the two files' digests."""

    sha256: str
    train_sha256: str
    holdout_sha256: str
    train_rows: int
    holdout_rows: int


@dataclass(frozen=True, slots=True)
class Version:
    """One registered version, as the registry and the digest table know it.

    `artifact_sha256`: digest of the sorted manifest of the model artifact's files. `flavour`: how to load it
    (`sklearn`, `xgboost` or `pyfunc`). `threshold` is None for tasks without one.
    """

    model: str
    number: int
    run_id: str
    schema: Schema
    snapshot: Snapshot
    artifact_sha256: str
    flavour: str
    threshold: float | None
    created: datetime
    metrics: Mapping[str, float] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RetrainRequest:
    """A wish for a new candidate. `key` makes a repeat after a crash find the same MLflow run again."""

    key: str
    plan: ModelPlan
    actor: str
    reason: str = "requested"
    search: bool = False
    code_revision: str | None = None
