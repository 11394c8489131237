"""What a monitoring pass finds: one measurement each, with its limit, its sizes and the error rate it was designed for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.verdicts import Estimate, Number, Verdict


class Monitor(StrEnum):
    """What is watched. Only `PERFORMANCE`, `CALIBRATION`, `CONCEPT_SHIFT`, `IMPACT` and `CHALLENGER` need outcomes, and matured ones."""

    TRAFFIC = "traffic"
    INPUTS = "inputs"
    OUTPUTS = "outputs"
    DATA_DRIFT = "data_drift"
    PREDICTION_DRIFT = "prediction_drift"
    DOMAIN_SHIFT = "domain_shift"
    CONCEPT_SHIFT = "concept_shift"
    PERFORMANCE = "performance"
    EXPECTED_PERFORMANCE = "expected_performance"
    CALIBRATION = "calibration"
    IMPACT = "impact"
    CHALLENGER = "challenger"


class Assumption(StrEnum):
    """What a reading of drift takes for granted; without outcomes nobody can tell which holds."""

    CORRUPT = "corrupt"  # the values are wrong and the labels stay: read off the version's envelope
    MOVED = "moved"  # the population moved and labels move with it: the importance-weighted holdout loss
    CALIBRATED = "calibrated"  # the version's probabilities mean in the window what they meant on the holdout


ASSUMED: Mapping[Assumption, str] = {
    Assumption.CORRUPT: "if the values are corrupt",
    Assumption.MOVED: "if the population moved",
    Assumption.CALIBRATED: "if its probabilities mean what they meant",
}
"""Each assumption as people read it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The relative growth of the loss to expect under one assumption, e.g. 0.12: 12 % more than on the holdout.

    `growth` None: undecided, and `words` say why (too low an effective sample size, no simulated scenario near enough).
    """

    assumption: Assumption
    growth: Estimate | None
    words: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One measurement. `name`: of what, within its monitor: a column, a metric, an arm.

    `fail` is an alarm; `undecided` means too little evidence and alarms nobody. `level`: the chance of a false alarm that it was
    designed for, over all findings of its monitor in the pass. `value` and `limit` are in the unit that `reasons` name.
    """

    monitor: Monitor
    name: str
    verdict: Verdict
    value: float | None = None
    limit: float | None = None
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None
    level: float | None = None
    rows: int = 0
    reference_rows: int = 0
    reasons: tuple[str, ...] = ()
    details: Mapping[str, Number] = field(default_factory=dict)
    readings: tuple[Reading, ...] = ()

    @property
    def alarms(self) -> bool:
        """Whether somebody should know."""
        return self.verdict is Verdict.FAIL

    @property
    def subject(self) -> str:
        """What an alarm is about, the same in every pass: `data_drift/age`."""
        return f"{self.monitor.value}/{self.name}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a pass asks of one monitor: findings of these `names` and no others; `words` say why not of others."""

    monitor: Monitor
    names: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Pass:
    """One monitoring pass of one model: the window it looked at, what it found and what it could not look at.

    `version` None: nothing serves. `judged`: the window of matured payloads, whose outcomes may judge; None where there is none.
    `report`: the id of the kept report. `level`: chance of any false alarm in this pass, as the yearly budget allows. `asked`: of monitors
    whose findings settings, arms or schema may take away; of any other nothing falls away while the version serves.
    """

    id: str
    model: str
    version: int | None
    at: datetime
    window: Window
    judged: Window | None
    rows: int
    level: float
    findings: tuple[Finding, ...]
    problems: tuple[str, ...] = ()
    report: str | None = None
    asked: tuple[Asked, ...] = ()

    @property
    def alarms(self) -> tuple[Finding, ...]:
        """The findings that alarm."""
        return tuple(finding for finding in self.findings if finding.alarms)
