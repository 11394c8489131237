"""Whether a retrain should start by itself: a pure decision that says why, or why not."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from driftgate.lifecycle.findings import Finding, Monitor
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.verdicts import Estimate


class Cause(StrEnum):
    """What asks for a retrain: the clock, enough new labels, or an alarm of one of the monitors in `triggers.on`."""

    SCHEDULE = "schedule"
    NEW_LABELS = "new_labels"
    OUTPUTS = "outputs"
    DATA_DRIFT = "data_drift"
    PREDICTION_DRIFT = "prediction_drift"
    DOMAIN_SHIFT = "domain_shift"
    CONCEPT_SHIFT = "concept_shift"
    PERFORMANCE = "performance"
    EXPECTED_PERFORMANCE = "expected_performance"
    CALIBRATION = "calibration"
    IMPACT = "impact"


BY_OUTCOMES = frozenset({Cause.CONCEPT_SHIFT, Cause.PERFORMANCE, Cause.CALIBRATION, Cause.IMPACT})
"""Alarms that are about matured outcomes, and so about the payloads of one window."""


class Prospect(StrEnum):
    """Whether a retrain would help, as far as a trial refit can say."""

    HELPS = "helps"
    DOES_NOT_HELP = "does_not_help"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What a trial refit came to. `difference`: mean paired loss, trial minus champion, on `rows` that neither was trained on.

    `UNKNOWN` where there are too few such rows, or none, or the trial could not be made: `words` say which.
    """

    prospect: Prospect
    words: str
    rows: int = 0
    difference: Estimate | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """One consideration of a retrain: fired or held back, and all its reasons.

    `sequence`: which of its model's it is, counted from 1, so that of two that were weighed at the same moment one only is stored.
    `causes`: everything that asked for it, the first one named first. `job_id`: the retrain that it started; None where held back.
    `version`: who served. `pass_id`: the pass whose findings asked, None where only the clock did.
    """

    id: str
    model: str
    sequence: int
    at: datetime
    fired: bool
    causes: tuple[Cause, ...]
    reasons: tuple[str, ...]
    version: int | None
    pass_id: str | None = None
    job_id: str | None = None
    trial: TrialResult | None = None

    @property
    def cause(self) -> Cause:
        """The first of its causes."""
        return self.causes[0]


@dataclass(frozen=True, slots=True)
class Terms:
    """What the settings allow. `on`: monitors whose alarm asks for a retrain; `new_labels`: how many do; `cooldown`: between any two.

    `monthly_budget`: retrains that triggers may start in a calendar month. `retry_share`: new labels, as a share of the rows that a refused
    candidate was made of, without which the same cause asks in vain; 0: none. `retry_after`: how long it does so at most.
    """

    on: tuple[Monitor, ...] = ()
    new_labels: int | None = None
    cooldown: timedelta = timedelta(0)
    monthly_budget: int = 4
    retry_share: float = 0.5
    retry_after: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Asking:
    """What may ask for a retrain of a model at one moment. `version`: who serves; `pass_id`: whose findings these are.

    `judged`: the window of the matured payloads that those findings are about, None where there is none; `due`: when the schedule asked;
    `labels`: those that matured since the last retrain, None where nobody counted.
    """

    model: str
    at: datetime
    version: int | None
    pass_id: str | None = None
    findings: tuple[Finding, ...] = ()
    judged: Window | None = None
    due: datetime | None = None
    labels: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A candidate that a trigger brought about and that was not let in, while the same champion serves.

    `at`, `causes`, `findings`: when that retrain was asked for, by what, and what was found then. `words`: who refused it, and why.
    `rows`: those that it was made of (train and holdout). `labels`: matured since `at`, counted no further than what is waited for.
    """

    version: int
    at: datetime
    causes: tuple[Cause, ...]
    findings: tuple[Finding, ...]
    words: str
    rows: int
    labels: int = 0

    def wanted(self, terms: Terms) -> int:
        """How many new labels are waited for."""
        return math.ceil(terms.retry_share * self.rows)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What may hold a retrain back. `last`: when the model's last retrain was asked for, by whomever.

    `running`: the job of one that is queued or running; `spent`: how many retrains triggers have started in this calendar month;
    `worker`: whether one lives that could run it; `trial`: None where none was wanted; `refused`: the last triggered candidate,
    None where it was not refused, or another version serves since.
    """

    last: datetime | None = None
    running: str | None = None
    spent: int = 0
    worker: bool = True
    trial: TrialResult | None = None
    refused: Refusal | None = None


def asked(asking: Asking, terms: Terms) -> tuple[tuple[Cause, str], ...]:
    """Everything that asks for a retrain, each with its reason in words; nothing where nothing does."""
    return tuple(_asked(asking, terms))


def about(asking: Asking, terms: Terms) -> Window | None:
    """The window whose outcomes ask for the retrain; None where something else does."""
    causes = {cause for cause, _ in _asked(asking, terms)}
    return asking.judged if causes & BY_OUTCOMES else None


def _asked(asking: Asking, terms: Terms) -> Iterator[tuple[Cause, str]]:
    if asking.due is not None:
        yield Cause.SCHEDULE, f"the schedule asked for it at {asking.due:%Y-%m-%d %H:%M} UTC"
    for monitor in dict.fromkeys(terms.on):
        alarming = [finding for finding in asking.findings if finding.monitor is monitor and finding.alarms]
        if alarming:
            yield Cause(monitor.value), f"{monitor.value}: {'; '.join(map(_told, alarming))}"
    if terms.new_labels is not None and asking.labels is not None and asking.labels >= terms.new_labels:
        yield Cause.NEW_LABELS, f"{asking.labels} labels have matured since the last retrain ({terms.new_labels} ask for one)"


def _told(finding: Finding) -> str:
    measured = "" if finding.value is None else f" {finding.value:.4g}"
    limit = "" if finding.limit is None else f" (limit {finding.limit:.4g})"
    return f"{finding.name}{measured}{limit}"


def held(asking: Asking, found: Circumstances, terms: Terms) -> tuple[str, ...]:
    """Every reason not to retrain now, in words; nothing where there is none. A trial that says nothing holds nothing back."""
    return tuple(_held(asking, found, terms))


def _held(asking: Asking, found: Circumstances, terms: Terms) -> Iterator[str]:
    at = asking.at
    if found.running is not None:
        yield f"held back: the retrain {found.running} is queued or running, and there is one at a time"
    if not found.worker:
        yield "held back: no worker lives to run it: start driftgate worker, or run driftgate retrain"
    if found.last is not None and at - found.last < terms.cooldown:
        yield (
            f"held back: the last retrain was asked for at {found.last:%Y-%m-%d %H:%M} UTC, "
            f"and the cooldown of {_days(terms.cooldown)} ends at {found.last + terms.cooldown:%Y-%m-%d %H:%M}"
        )
    if found.spent >= terms.monthly_budget:
        yield f"held back: {found.spent} of the {terms.monthly_budget} retrains that triggers may start in a month have been"
    if found.refused is not None and not _is_news(asking, found.refused, terms):
        yield _waiting(found.refused, terms)
    if found.trial is not None and found.trial.prospect is Prospect.DOES_NOT_HELP:
        yield f"held back: a retrain would not help: {found.trial.words}"


def _is_news(asking: Asking, refused: Refusal, terms: Terms) -> bool:
    """Whether a retrain now could end otherwise than the refused one did: on enough new labels, for another cause, or where it got worse.

    The clock and `new_labels` are never held: whoever set them has said how often is often enough.
    """
    if refused.labels >= refused.wanted(terms) or asking.at - refused.at >= terms.retry_after:
        return True
    causes = {cause for cause, _ in _asked(asking, terms)}
    if causes - set(refused.causes) or causes & {Cause.SCHEDULE, Cause.NEW_LABELS}:
        return True
    then = {finding.subject: finding for finding in refused.findings}
    return any(
        finding.alarms and finding.monitor in terms.on and _is_worse(finding, then.get(finding.subject)) for finding in asking.findings
    )


def _is_worse(now: Finding, then: Finding | None) -> bool:
    """Whether the finding, which alarms, is news: it did not alarm then, or is surely further out (the intervals do not touch)."""
    if then is None or not then.alarms:
        return True
    if now.value is None or now.limit is None:
        return False
    if now.value > now.limit:
        return now.lower is not None and then.upper is not None and now.lower > then.upper
    return now.upper is not None and then.lower is not None and now.upper < then.lower


def _waiting(refused: Refusal, terms: Terms) -> str:
    made = f"version {refused.version}, made for the same cause ({', '.join(refused.causes)}), was {refused.words}"
    labels = f"{refused.wanted(terms):,} new labels ({refused.labels:,} so far; triggers.retry_share of its {refused.rows:,} rows)"
    until = f"{refused.at + terms.retry_after:%Y-%m-%d %H:%M} UTC"
    return f"held back: {made}; waiting for another cause, for this one to get worse, for {labels}, or until {until}"


def _days(span: timedelta) -> str:
    days = span / timedelta(days=1)
    return f"{days:g} day{'' if days == 1 else 's'}"


def decide(trigger_id: str, sequence: int, asking: Asking, found: Circumstances, terms: Terms) -> Trigger | None:
    """The consideration with all its reasons, fired where nothing holds it back; None where nothing asks for a retrain."""
    causes = asked(asking, terms)
    if not causes:
        return None
    against = held(asking, found, terms)
    reasons = (*(words for _, words in causes), *against, *_prospect(found.trial))
    return Trigger(
        id=trigger_id,
        model=asking.model,
        sequence=sequence,
        at=asking.at,
        fired=not against,
        causes=tuple(cause for cause, _ in causes),
        reasons=reasons,
        version=asking.version,
        pass_id=asking.pass_id,
        job_id=None if against else f"retrain-{trigger_id}",
        trial=found.trial,
    )


def _prospect(trial: TrialResult | None) -> Iterator[str]:
    if trial is None or trial.prospect is Prospect.DOES_NOT_HELP:
        return
    sure = trial.prospect is Prospect.HELPS
    yield f"a retrain would help: {trial.words}" if sure else f"whether a retrain would help is not known: {trial.words}"
