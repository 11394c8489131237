"""The outcomes of the model's arm against the heuristic's: the difference, what it is worth, over time, and whether it decays."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import numpy as np

from driftgate.lifecycle.measurements_impact import Advantage, ArmOutcomes, Decay, ImpactMeasurement, Period, VersionImpact
from driftgate.lifecycle.payloads import Arm, Outcome, Payload, Window
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.impact.cases import Cases, Favour, Floats, Ints, cases, entity_means
from driftgate.reports.impact.contrasts import Contrast, between, of, required

CONFIDENCE = 0.95
LEAST = 50
"""Fewer entities than this in an arm say too little."""
WEEKS_UP_TO = timedelta(days=92)
"""A longer window is cut into months."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the log holds of a span: every answer in it, and those of its matured part whose outcome is known, each with it."""

    window: Window
    judged: Window | None
    answers: Sequence[Payload]
    outcomes: Sequence[tuple[Payload, Outcome]]


@dataclass(frozen=True, slots=True)
class Terms:
    """How impact is counted. `least`: entities that an arm needs; `confidence`: of two-sided intervals."""

    good: Favour
    value_per_entity: float = 1.0
    least: int = LEAST
    confidence: float = CONFIDENCE


def measure(
    model: str, terms: Terms, now: Recorded, *, version: int | None = None, first: Recorded | None = None, no_first: str = ""
) -> ImpactMeasurement:
    """The champion's arm against the heuristic's over the matured outcomes, with an interval.

    The unit is the entity: its mean over its answers counts once. Entities seen in two arms anywhere in the window are left out. Only the
    span in which both arms answered is compared. `version`: who serves, for the decay against `first`, the recording of its first
    matured period; where that is None `no_first` says why.
    """
    found = cases(now.answers, now.outcomes, now.judged, terms.good)
    overall = _advantage(found, terms)
    decay = None if first is None or version is None else _decay(version, now, first, terms)
    return ImpactMeasurement(
        model=model,
        window=now.window,
        judged=now.judged,
        favourable=terms.good.words,
        assumed=terms.good.assumed,
        confidence=terms.confidence,
        value_per_entity=terms.value_per_entity,
        overall=overall,
        undecided=_why_nothing(now, found) if overall is None else overall.undecided,
        versions=tuple(_by_version(found, terms)),
        periods=tuple(_by_period(found, now.judged, terms)),
        decay=decay,
        no_decay="" if decay is not None else (no_first or "in one of the two periods an arm has no matured answer"),
        moved=found.moved,
        nameless=found.nameless,
        strange=found.strange,
        problems=_problems(found, overall),
    )


def _advantage(found: Cases, terms: Terms) -> Advantage | None:
    """None where one of the arms has no answer, or the two never answered in the same span."""
    model, rule = found.of(Arm.CHAMPION), found.of(Arm.HEURISTIC)
    if not (model.any() and rule.any()):
        return None
    start = max(int(found.at[model].min()), int(found.at[rule].min()))
    end = min(int(found.at[model].max()), int(found.at[rule].max()))
    together = (found.at >= start) & (found.at <= end)
    span = Window(_instant(start), _instant(end + 1))
    values = [_values(found.where(together & chosen))[1] for chosen in (model, rule)]
    sides = (_arm(found.where(together & model), Arm.CHAMPION), _arm(found.where(together & rule), Arm.HEURISTIC))
    contrast = between(terms.good.sign * values[0], terms.good.sign * values[1])
    why = _undecided(contrast, terms, ("the model's arm", "the heuristic's arm"))
    if not np.isfinite(contrast.value):
        return Advantage(span, *sides, None, None, None, None, why)
    difference = Estimate(contrast.value) if why else contrast.bounds(terms.confidence)
    saved = _times(difference, sides[0].entities)
    worth = _times(saved, terms.value_per_entity)
    return Advantage(span, *sides, difference, None if why else contrast.p_below(), saved, worth, why)


def _values(found: Cases) -> tuple[Ints, Floats]:
    usable = np.isfinite(found.value)
    return entity_means(found.entity[usable], found.value[usable])


def _arm(found: Cases, arm: Arm) -> ArmOutcomes:
    values, usable = _values(found)[1], int(np.isfinite(found.value).sum())
    versions = tuple(int(number) for number in np.unique(found.version) if number >= 0)
    rate = float(values.mean()) if len(values) else None
    return ArmOutcomes(arm, len(values), usable, rate, len(found.value) - usable, versions)


def _undecided(contrast: Contrast, terms: Terms, names: tuple[str, ...]) -> str | None:
    needed = max(terms.least, contrast.required)
    for name, size in zip(names, contrast.sizes, strict=True):
        if size < needed:
            rare = f", as skewed as the outcomes are (at least {terms.least} in any case)" if needed > terms.least else ""
            return f"{name} has {size} entities with a matured outcome, and {needed} are needed{rare}"
    return None if contrast.error > 0 else "outcomes do not vary within the arms, so chance cannot be told from a difference"


def _times(estimate: Estimate, factor: float) -> Estimate:
    if estimate.lower is None or estimate.upper is None:
        return Estimate(estimate.value * factor)
    ends = sorted((estimate.lower * factor, estimate.upper * factor))
    return Estimate(estimate.value * factor, *ends)


def _why_nothing(now: Recorded, found: Cases) -> str:
    if now.judged is None:
        return "no payload of the window has matured yet (outcomes.maturity_days)"
    if not now.answers:
        return "nothing was answered in the window"
    if not len(found.entity):
        return "no matured answer is of an entity that kept its arm: without entity_id a payload is outside experiments"
    if not found.of(Arm.HEURISTIC).any():
        return "the heuristic's arm has no matured answer: give it a share of the entities (arms.heuristic)"
    return "the model's arm has no matured answer"


def _by_version(found: Cases, terms: Terms) -> Iterator[VersionImpact]:
    """Each champion version over the span in which it answered."""
    champion = found.of(Arm.CHAMPION)
    for number in np.unique(found.version[champion]):
        own = champion & (found.version == number)
        span = (found.at >= found.at[own].min()) & (found.at <= found.at[own].max())
        advantage = _advantage(found.where(own | (found.of(Arm.HEURISTIC) & span)), terms)
        if advantage is not None:
            yield VersionImpact(int(number), advantage)


def _by_period(found: Cases, judged: Window | None, terms: Terms) -> Iterator[Period]:
    for name, span in () if judged is None else periods(judged):
        within = _advantage(found.where(found.between(span)), terms)
        so_far = _advantage(found.where(found.between(Window(judged.start if judged else span.start, span.end))), terms)
        if within is not None and so_far is not None:
            yield Period(name, within, so_far)


def periods(window: Window) -> Iterator[tuple[str, Window]]:
    """The weeks (`2026-W09`, from Monday) of a window of up to 92 days, else the months (`2026-03`), UTC, cut off at the window's ends."""
    weekly = window.end - window.start <= WEEKS_UP_TO
    day = window.start.astimezone(UTC).date()
    day = day - timedelta(days=day.weekday()) if weekly else day.replace(day=1)
    while (start := datetime.combine(day, time(), UTC)) < window.end:
        name = "{}-W{:02}".format(*day.isocalendar()[:2]) if weekly else f"{day:%Y-%m}"
        day = day + timedelta(days=7) if weekly else (day + timedelta(days=31)).replace(day=1)
        yield name, Window(max(window.start, start), min(window.end, datetime.combine(day, time(), UTC)))


def _decay(version: int, now: Recorded, first: Recorded, terms: Terms) -> Decay | None:
    """The version's advantage in both recordings. An entity must have kept its arm over both."""
    whole = Window(first.window.start, now.window.end)
    everything = {payload.prediction_id: payload for recording in (first, now) for payload in recording.answers}
    found = cases(list(everything.values()), [*first.outcomes, *now.outcomes], whole, terms.good)
    own = found.where((found.of(Arm.CHAMPION) & (found.version == version)) | found.of(Arm.HEURISTIC))
    halves = []
    for recording in (first, now):
        half = own.where(own.between(recording.judged or Window(whole.start, whole.start)))
        advantage = _advantage(half, terms)
        if advantage is None:
            return None
        halves.append((half.where(half.between(advantage.span)), advantage))
    (early, before), (late, after) = halves
    contrast = _change(early, late, terms)
    names = ("the model's arm, at first,", "the heuristic's arm, at first,", "the model's arm, now,", "the heuristic's arm, now,")
    why = _undecided(contrast, terms, names)
    change = Estimate(contrast.value) if why else contrast.bounds(terms.confidence)
    return Decay(version, before, after, change if np.isfinite(contrast.value) else None, None if why else contrast.p_below(), why)


def _change(early: Cases, late: Cases, terms: Terms) -> Contrast:
    """The late advantage - the early one. What an entity adds to both is taken together, so that it counts once."""
    value, parts, groups = 0.0, [], []
    count = 1 + max(int(early.entity.max(initial=-1)), int(late.entity.max(initial=-1)))
    for arm, sign in ((Arm.CHAMPION, terms.good.sign), (Arm.HEURISTIC, -terms.good.sign)):
        part, seen = np.zeros(count), np.zeros(count, dtype=np.bool_)
        for half, direction in ((early, -sign), (late, sign)):
            codes, values = _values(half.where(half.of(arm)))
            mean = float(values.mean()) if len(values) else float("nan")
            value += direction * mean
            part[codes] += direction * (values - mean) / max(len(values), 1)
            seen[codes] = True
            groups.append(values)
        parts.append(part[seen])
    ordered = [groups[0], groups[2], groups[1], groups[3]]
    return of(value, parts, tuple(len(group) for group in ordered), required(groups))


def _problems(found: Cases, overall: Advantage | None) -> tuple[str, ...]:
    """What is odd about the outcomes, in words."""
    said = []
    if found.strange:
        said.append(f"{found.strange} outcomes are none that the task knows, and were left out")
    if overall is not None:
        shares = [side.unlabelled / max(side.rows + side.unlabelled, 1) for side in (overall.model, overall.heuristic)]
        if abs(shares[0] - shares[1]) > 0.05:  # noqa: PLR2004 - a difference that could make up the whole effect
            said.append(
                f"{shares[0]:.0%} of the model's matured answers lack an outcome and {shares[1]:.0%} of the heuristic's: "
                "where outcomes go missing for a reason, the difference is biased"
            )
    return tuple(said)


def _instant(at: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
