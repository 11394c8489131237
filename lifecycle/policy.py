"""The limits in force when a version is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from driftgate.lifecycle.canonical import sha256


class Standard(StrEnum):
    """What a candidate must show against the champion."""

    SUPERIOR = "superior"
    NON_INFERIOR = "non_inferior"


OPTIONAL_GATES = ("data_quality", "calibration", "slices", "degradation", "freshness", "replay", "cost")
"""The gates that a policy may turn off. Schema, performance, comparison and the user's own tests are always judged."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits of the gates of one model. In brackets: which way is stricter.

    `margin`: share of the champion's loss that a non-inferior candidate may lose (smaller). `confidence`: of every one-sided bound
    that shows a candidate to be good (larger). `minimum_rows`: fewer judged rows are `undecided` (larger). `floors`: least (or for
    losses, largest) value of a metric. `growth_limit`: largest tolerated relative loss growth at the gated scenarios (smaller);
    `growth_margin`: how much more than the champion's (smaller). `forgive_growth`: both are forgiven where the drifted candidate surely
    loses less than the champion without drift (false). `gated_magnitude`: univariate scale factors up to this one are gated,
    larger ones reported (larger). `best_of`: a candidate must also hold against the best of so many last champions, the present one among
    them (larger). `test_seconds`: time limit of the user's tests. `approval`: a person must approve before anything serves.

    `off`: optional gates that are not judged (fewer). `refusal_level`: the chance at which each of the gates that need proof of harm may
    refuse a version that is on the limit (larger). `slice_margin`: share of the champion's loss that a segment may lose (smaller);
    `slice_rows`: independent rows from which a segment can fail (smaller). `calibration_intercept`: log-odds, or standard deviations of the
    truth, that predictions may be off on the whole (smaller); `calibration_slope`: their slope may lie in [1 / (1 + it), 1 + it] (smaller).
    `recent_rows`: the newest payloads that are looked at (neither: fewer show less, and more dilute what just began, so any other number is
    looser). `freshness_auc`: how well these may be told from the snapshot (smaller). `missing_growth`: growth of a feature's share of
    missing values (smaller). `duplicate_share`: of the snapshot's rows, beyond chance (smaller). `overlap_share`: of the holdout's rows,
    beyond chance, or entities that are in train too (smaller). `leak_limit`: how well a single feature may rank the target, from .5 to 1
    (smaller). `label_change`: of a class's share, or between the distributions of a number (smaller). `exchange_limit`: by
    how much two features may be nearer to each other than to themselves (smaller). `replay_errors`: share of the
    payloads that the candidate may not take (smaller); `changed_answers`: share that it may answer otherwise (smaller). `latency_ms`: 99th
    percentile of the time for a batch of 64 rows (smaller). `artifact_mb`, `memory_mb`: of the version (smaller). `cost_ratio`: each of the
    three over the champion's (smaller).

    `approval_days`: how long after the judgement it may be approved; None: for ever (smaller). `cooldown_days`: least time between two
    decisions (larger). `promotion_windows`: when a version may be promoted, such as `Mon-Fri 09:00-17:00` in `time_zone`; none: always
    (narrower). `spend_level`: every other version that was judged on the same holdout against the same champion halves what chance of
    error is left (true). `tests`: the user's tests, as paths below the project (more).

    `rollout_stages`: shares of the traffic that a promoted version gets one after another, the last one 1; none: all at once (more
    stages). `rollout_minutes`, `rollout_rows`: the least time of a stage, and the least answers of the version in it (larger).
    `rollout_level`: the chance at which the guards of one roll-out may stop a version that is on its limits (larger). `rollout_errors`:
    share of rows that it may fail beyond the champion's (smaller). `rollout_latency`: its 99th percentile over the champion's (smaller).
    `rollout_outputs`: total variation between the answers of both (smaller). `rollout_patience_hours`: how long a stage may last before
    people are told (smaller). `rollout_watch_hours`: how long after the last stage the champion before is kept loaded, and the guards
    may go back to it (larger).

    Every field has its rule in `lifecycle/policy_changes.py`, which says in which direction it is looser.
    """

    standard: Standard = Standard.SUPERIOR
    margin: float = 0.01
    confidence: float = 0.95
    minimum_rows: int = 200
    floors: Mapping[str, float] = field(default_factory=dict)
    growth_limit: float = 0.10
    growth_margin: float = 0.05
    forgive_growth: bool = True
    gated_magnitude: float = 1.05
    gated_scenarios: tuple[str, ...] = ("moderate",)
    test_seconds: float = 300.0
    approval: bool = False
    off: tuple[str, ...] = ()
    refusal_level: float = 0.05
    slice_margin: float = 0.05
    slice_rows: int = 100
    calibration_intercept: float = 0.5
    calibration_slope: float = 0.5
    recent_rows: int = 2_000
    freshness_auc: float = 0.9
    missing_growth: float = 0.25
    duplicate_share: float = 0.5
    overlap_share: float = 0.25
    leak_limit: float = 0.99
    label_change: float = 0.4
    exchange_limit: float = 0.3
    replay_errors: float = 0.0
    changed_answers: float = 1.0
    latency_ms: float = 2_000.0
    artifact_mb: float = 1_000.0
    memory_mb: float = 4_000.0
    cost_ratio: float = 10.0
    approval_days: float | None = None
    cooldown_days: float = 0.0
    promotion_windows: tuple[str, ...] = ()
    time_zone: str = "UTC"
    spend_level: bool = True
    rollout_stages: tuple[float, ...] = ()
    rollout_minutes: float = 60.0
    rollout_rows: int = 500
    rollout_level: float = 0.05
    rollout_errors: float = 0.01
    rollout_latency: float = 2.0
    rollout_outputs: float = 0.2
    rollout_patience_hours: float = 72.0
    rollout_watch_hours: float = 24.0
    tests: tuple[str, ...] = ()
    best_of: int = 5

    @property
    def sha256(self) -> str:
        """Hash of every limit; it is in every decision."""
        return sha256(self)
