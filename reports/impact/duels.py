"""Champion against challenger since the challenge began: by outcomes and losses of their arms, and by losses on shadowed rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import numpy as np
import pandas as pd

from driftgate.lifecycle.instances import as_text
from driftgate.lifecycle.measurements_impact import Duel, Look, Pairing, Standing
from driftgate.lifecycle.payloads import Arm, Outcome, Payload, Window
from driftgate.lifecycle.schema import Schema, Task
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports import losses
from driftgate.reports.impact.arms import Recorded
from driftgate.reports.impact.cases import Favour, Floats, Ints, Mask, micros
from driftgate.reports.impact.contrasts import Contrast, between, within
from driftgate.reports.impact.sequences import LEAST, TARGET, Course, follow, still_needed

OUTCOME = "outcome"
LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Match:
    """Who is held against whom, and how. `target` and `least`: entities, see `sequences`. `level`: of each duel on its own."""

    champion: int
    challenger: int
    good: Favour | None
    schema: Schema | None
    level: float = LEVEL
    target: int = TARGET
    least: int = LEAST


@dataclass(frozen=True, slots=True)
class Stream:
    """Values by time. `challenger`: which rows are its own; None where each value is a difference of both on the same row."""

    entity: Ints
    when: Ints
    value: Floats
    challenger: Mask | None
    named: bool = True


def duels(match: Match, recorded: Recorded) -> tuple[Duel, ...]:
    """Every duel for which there are matured rows of both; `recorded`: since the challenge began, its outcomes with the shadows'.

    Of arms: entities seen in both are left out, and the unit is the entity, by its mean so far. Of shadows: the differences of the two
    losses on one row, likewise by entity; a row without one is a unit of its own.
    """
    moved = _moved(recorded.answers)
    known = [(payload, outcome) for payload, outcome in recorded.outcomes if payload.version in (match.champion, match.challenger)]
    answers = [(payload, outcome) for payload, outcome in known if payload.shadow_of is None]
    own = [pair for pair in answers if pair[0].entity_id is not None and pair[0].entity_id not in moved and _in_its_arm(pair[0], match)]
    streams: list[tuple[Pairing, str, float, Stream]] = []
    if match.good is not None:
        values = [match.good.value(outcome) for _, outcome in own]
        streams.append((Pairing.ARMS, OUTCOME, match.good.sign, _arms(own, values, match)))
    if match.schema is not None:
        loss = losses.loss_name(match.schema)
        streams.append((Pairing.ARMS, loss, -1.0, _arms(own, _losses(own, match.schema), match)))
        streams.append((Pairing.SHADOW, loss, -1.0, _shadowed(known, match.schema, match)))
    fought = (_duel(match, recorded.judged, *stream) for stream in streams)
    return tuple(duel for duel in fought if duel is not None)


def _moved(answers: Sequence[Payload]) -> set[str]:
    seen: dict[str, set[Arm]] = {}
    for payload in answers:
        if payload.entity_id is not None and payload.shadow_of is None:
            seen.setdefault(payload.entity_id, set()).add(payload.arm)
    return {entity for entity, arms in seen.items() if len(arms) > 1}


def _in_its_arm(payload: Payload, match: Match) -> bool:
    return (payload.arm, payload.version) in ((Arm.CHAMPION, match.champion), (Arm.CHALLENGER, match.challenger))


def _arms(own: Sequence[tuple[Payload, Outcome]], values: Iterable[float | None], match: Match) -> Stream:
    kept = [(payload, value) for (payload, _), value in zip(own, values, strict=True) if value is not None]
    return Stream(
        pd.factorize(np.array([payload.entity_id for payload, _ in kept], dtype=object))[0].astype(np.int64),
        np.array([micros(payload.event_time) for payload, _ in kept], dtype=np.int64),
        np.array([value for _, value in kept], dtype=np.float64),
        np.array([payload.version == match.challenger for payload, _ in kept], dtype=np.bool_),
    )


def _shadowed(known: Sequence[tuple[Payload, Outcome]], schema: Schema, match: Match) -> Stream:
    costs = _losses(known, schema)
    answered = {
        payload.prediction_id: cost
        for (payload, _), cost in zip(known, costs, strict=True)
        if payload.shadow_of is None and payload.arm is Arm.CHAMPION and payload.version == match.champion
    }
    pairs = [
        (payload, cost - beside)
        for (payload, _), cost in zip(known, costs, strict=True)
        if payload.shadow_of is not None and payload.version == match.challenger and cost is not None
        if (beside := answered.get(payload.shadow_of)) is not None
    ]
    names = [payload.entity_id for payload, _ in pairs]
    units = [("row", payload.prediction_id) if payload.entity_id is None else ("entity", payload.entity_id) for payload, _ in pairs]
    return Stream(
        pd.factorize(pd.Series(units, dtype=object))[0].astype(np.int64),
        np.array([micros(payload.event_time) for payload, _ in pairs], dtype=np.int64),
        np.array([difference for _, difference in pairs], dtype=np.float64),
        None,
        named=None not in names,
    )


def _losses(pairs: Sequence[tuple[Payload, Outcome]], schema: Schema) -> list[float | None]:
    """The loss of each answer; None where answer or outcome is not of the schema's task."""
    found: list[float | None] = [None] * len(pairs)
    usable = [(place, row) for place, (payload, outcome) in enumerate(pairs) if (row := _row(payload, outcome, schema)) is not None]
    if not usable:
        return found
    outputs = np.array([output for _, (output, _) in usable], dtype=np.float64)
    truths = np.array([truth for _, (_, truth) in usable])
    for (place, _), cost in zip(usable, losses.per_row_loss(outputs, truths, schema), strict=True):
        found[place] = float(cost) if np.isfinite(cost) else None
    return found


def _row(payload: Payload, outcome: Outcome, schema: Schema) -> tuple[float | tuple[float, ...], float | int] | None:
    if schema.task is Task.REGRESSION:
        said, truth = payload.output.prediction, outcome.value
        return None if isinstance(said, str) or isinstance(truth, str) else (float(said), float(truth))
    label, chances = as_text(outcome.value), payload.output.probabilities
    return (chances, schema.classes.index(label)) if label in schema.classes and len(chances) == len(schema.classes) else None


def _duel(match: Match, judged: Window | None, pairing: Pairing, measure: str, sign: float, stream: Stream) -> Duel | None:
    """None where no look shows two units of each side. `sign`: 1 where a higher value is better."""
    if judged is None or not len(stream.value):
        return None
    looks = [(at, contrast) for at, contrast in _looks(stream, judged) if contrast.smallest > 1]
    if not looks:
        return None
    contrasts = [contrast for _, contrast in looks]
    course, last = follow(contrasts, match.level, target=match.target, least=match.least), contrasts[-1]
    standing = _standing(course, sign)
    open_still = standing is Standing.UNDECIDED and course.sign == 0 and course.clock is not None
    needed = still_needed(last, course.clock, match.level) if open_still and course.clock is not None else None
    sizes = last.sizes if stream.challenger is not None else last.sizes * 2
    return Duel(
        pairing=pairing,
        measure=measure,
        champion=match.champion,
        challenger=match.challenger,
        champion_entities=sizes[1],
        challenger_entities=sizes[0],
        rows=len(stream.value),
        level=match.level,
        standing=standing,
        looks=tuple(Look(at, each.smallest, bounds) for (at, each), bounds in zip(looks, course.bounds, strict=True)),
        reasons=_reasons(standing, course, last, needed, match, stream),
        decided_at=None if course.decided is None or standing is Standing.UNDECIDED else looks[course.decided][0],
        needed=needed,
        units="entities" if stream.named else "rows or entities",
    )


def _looks(stream: Stream, judged: Window) -> Iterator[tuple[datetime, Contrast]]:
    """What was known at the end of each day, UTC, and at the end of the window; each unit by its mean so far."""
    order = np.argsort(stream.when, kind="stable")
    at, entity, value = stream.when[order], stream.entity[order], stream.value[order]
    count = int(entity.max()) + 1
    challenger = None
    if stream.challenger is not None:
        challenger = np.zeros(count, dtype=np.bool_)
        challenger[stream.entity[stream.challenger]] = True
    totals, rows, done = np.zeros(count), np.zeros(count), 0
    for end in _ends(judged):
        until = int(np.searchsorted(at, micros(end), side="left"))
        totals += np.bincount(entity[done:until], weights=value[done:until], minlength=count)
        rows += np.bincount(entity[done:until], minlength=count)
        done, seen = until, rows > 0
        means = totals / np.maximum(rows, 1.0)
        yield end, within(means[seen]) if challenger is None else between(means[seen & challenger], means[seen & ~challenger])


def _ends(judged: Window) -> Iterator[datetime]:
    day = datetime.combine(judged.start.astimezone(UTC).date(), time(), UTC) + timedelta(days=1)
    while day < judged.end:
        yield day
        day += timedelta(days=1)
    yield judged.end


def _standing(course: Course, sign: float) -> Standing:
    if not course.sign:
        return Standing.UNDECIDED
    return Standing.BETTER if course.sign * sign > 0 else Standing.WORSE


def _reasons(standing: Standing, course: Course, last: Contrast, needed: int | None, match: Match, stream: Stream) -> tuple[str, ...]:
    units = "entities" if stream.named else "units (entities, and rows without one)"
    if course.began is None:
        if last.error > 0:
            return (f"{last.smallest} {units} on the smaller side, and {max(match.least, last.required)} are needed before it can begin",)
        return ("no value differs from another, so chance cannot be told from a difference",)
    shown = course.bounds[-1]
    words = f"challenger - champion is {shown.value:.4g}{_interval(shown)}, with {last.smallest} {units} on the smaller side"
    promise = f"the bounds hold at all looks together; chance that the truth is ever outside: {match.level:.0%}"
    if course.sign is None:
        return (words, "the difference was surely above zero at one time and surely below at another: it is not one difference", promise)
    if standing is not Standing.UNDECIDED:
        return (words, promise)
    if needed is None:
        return (words, "at the present difference no number of entities would decide", promise)
    return (words, f"at the present difference about {needed:,} more {units} on the smaller side would decide (a projection)", promise)


def _interval(estimate: Estimate) -> str:
    return "" if estimate.lower is None or estimate.upper is None else f" [{estimate.lower:.4g}, {estimate.upper:.4g}]"
