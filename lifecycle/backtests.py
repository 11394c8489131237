"""What a backtest is made of: periods of a history, what was known at the start of each, and what each policy did in it."""

import random
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import MAXYEAR, datetime, timedelta
from itertools import pairwise

from driftgate.lifecycle.errors import InvalidData, InvalidRequest

MOST_PERIODS = 5_000
"""Each period costs a fit: more of them are a mistyped length."""

MONTHS = 12

_SPAN = re.compile(r"(?P<count>[1-9]\d{0,8})(?P<unit>[hdwM]?)")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class Length:
    """How long something is: months of the calendar, a span of time, or rows. Exactly one is set."""

    months: int | None = None
    span: timedelta | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """The rows `[start, end)` of a history in the order of time, counted from 0.

    `known`: how many rows from its beginning had told their outcome when the period began. `at`: when it began; None where rows have an
    order and no times.
    """

    number: int
    name: str
    start: int
    end: int
    known: int
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What one policy did at the start of a period, and what that cost in it.

    `champion`: the version that served the period. `promoted`: whether that is the period's candidate, and was not the first version.
    `reasons`: why a candidate was refused. `loss`: the mean over the period's rows; `quality`: their accuracy, or for regression None.
    `former_loss`: what the champion before would have lost, where one was replaced. `alarms`: what the monitors said of the period.
    """

    champion: int
    promoted: bool
    verdict: str
    reasons: tuple[str, ...]
    loss: float
    quality: float | None = None
    former_loss: float | None = None
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A finished period. `candidate`: its number, which is the period's, where one could be fitted; else `problem` says why not.

    `corruption`: how the candidate was broken on purpose. `turns`: by policy; empty before the first version.
    """

    period: Period
    candidate: int | None
    corruption: str | None = None
    problem: str | None = None
    turns: Mapping[str, Turn] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """One policy over all periods that it served. `mean_loss`: each row counts once. `corrupted_promoted`: of its promotions.

    `regretted`: promotions in whose period the champion before would have lost less. `refusals`: by gate, how often it blocked.
    """

    mean_loss: float
    promotions: int
    corrupted_promoted: int
    losses: tuple[float, ...]
    regretted: int
    refused: int
    refusals: Mapping[str, int]
    alarms: int
    quality: float | None = None


def length(text: str, name: str) -> Length:
    """The length that the text means: `1M`, `2w`, `7d`, `12h`, or a number of rows such as `1000`. Raises InvalidRequest, naming `name`."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise InvalidRequest(
            f"{text!r} is no length: write months as 1M, weeks as 2w, days as 7d, hours as 12h, or a number of rows as 1000", field=name
        )
    count, unit = int(match["count"]), match["unit"]
    if not unit:
        return Length(rows=count)
    try:
        return Length(months=count) if unit == "M" else Length(span=count * _UNITS[unit])
    except OverflowError as error:
        raise InvalidRequest(f"{text!r} is longer than time can be counted", field=name) from error


def by_time(times: Sequence[datetime], every: Length, delay: timedelta, least: int, lead: Length | None = None) -> tuple[Period, ...]:
    """The periods of rows with these times, which ascend, from the first at whose start `least` rows were known.

    Months begin on their first day, other periods count from the first row's midnight (of hours: from its hour). An outcome is known once
    `delay` has passed since its row, so no row of the period itself ever is. Periods without rows are left out. `lead`: no period begins
    before this after the first row, whose own month counts as a whole one.

    Raises InvalidRequest where the length is one of rows, InvalidData where there is no period.
    """
    if every.rows is not None or (lead is not None and lead.rows is not None):
        raise InvalidRequest("the rows have times: write lengths as 1M, 2w, 7d or 12h, or say that only their order counts", field="every")
    if not times:
        raise InvalidData("there are no rows to replay")
    earliest = times[0] if lead is None else next((later for later in _boundaries(times[0], lead, exact=True) if later > times[0]), None)
    found: list[Period] = []
    for begin, end in pairwise(_boundaries(times[0], every)):
        if begin > times[-1] or earliest is None:
            break
        start, stop = bisect_left(times, begin), bisect_left(times, end)
        known = min(start, bisect_right(times, begin - delay))
        if stop > start and known >= max(least, 1) and begin >= earliest:
            found.append(Period(len(found) + 1, _named(begin, every), start, stop, known, begin))
            _few(found)
    return _some(found, len(times), least)


def by_rows(count: int, every: Length, delay: int, least: int, lead: Length | None = None) -> tuple[Period, ...]:
    """The periods of so many rows in order; an outcome is known `delay` rows after its own. A remainder below half a period joins the last.

    Raises InvalidRequest where a length is one of time, InvalidData where there is no period.
    """
    if every.rows is None or (lead is not None and lead.rows is None):
        raise InvalidRequest("only the order of the rows is known: write lengths as numbers of rows, such as 1000", field="every")
    first = max(max(least, 1) + delay, 0 if lead is None or lead.rows is None else lead.rows)
    starts = list(range(first, count, every.rows))
    if len(starts) > 1 and 2 * (count - starts[-1]) < every.rows:
        starts.pop()
    found: list[Period] = []
    for start, end in pairwise([*starts, count]):
        found.append(Period(len(found) + 1, f"{start:,}", start, end, start - delay))
        _few(found)
    return _some(found, count, least)


def _boundaries(first: datetime, every: Length, *, exact: bool = False) -> Iterator[datetime]:
    """Where periods begin, without end. `exact`: counted from the first row itself."""
    if every.months is not None:
        month = first.year * MONTHS + first.month - 1
        start = first if exact else first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        while True:
            yield start
            month += every.months
            if month // MONTHS > MAXYEAR:
                return
            start = datetime(month // MONTHS, month % MONTHS + 1, 1, tzinfo=first.tzinfo)
    span = every.span or timedelta(days=1)
    whole = first.replace(minute=0, second=0, microsecond=0)
    start = first if exact else whole if span < timedelta(days=1) else whole.replace(hour=0)
    while True:
        yield start
        try:
            start += span
        except OverflowError:
            return


def _named(begin: datetime, every: Length) -> str:
    if every.months is not None:
        return f"{begin:%Y-%m}"
    return f"{begin:%Y-%m-%d}" if every.span is None or not every.span % timedelta(days=1) else f"{begin:%Y-%m-%d %H:%M}"


def _few(found: Sequence[Period]) -> None:
    if len(found) > MOST_PERIODS:
        raise InvalidRequest(f"that makes more than {MOST_PERIODS:,} periods, each with a fit: choose a longer one", field="every")


def _some(found: Sequence[Period], rows: int, least: int) -> tuple[Period, ...]:
    if not found:
        raise InvalidData(
            f"no period of the {rows:,} rows begins with {max(least, 1):,} rows known, which a first version takes: bring more history, "
            "shorten the periods or the delay of outcomes, or lower gates.minimum_rows"
        )
    return tuple(found)


def corrupted(periods: Sequence[Period], share: float, kinds: Sequence[str], seed: int) -> Mapping[int, str]:
    """By number of the period, how its candidate is to be broken.

    Drawn by the seed: that share of the periods after the first, at least one where the share is not 0, and the order in which the kinds
    take turns. Raises InvalidRequest for no share.
    """
    if not 0 <= share <= 1:
        raise InvalidRequest(f"the share of corrupted candidates must be between 0 and 1, not {share:g}", field="corrupt")
    later = [period.number for period in periods[1:]]
    if not share or not later:
        return {}
    generator = random.Random(seed)  # noqa: S311 - a draw that must be the same again
    order = generator.sample(list(kinds), len(kinds))
    chosen = sorted(generator.sample(later, max(1, round(share * len(later)))))
    return {number: order[place % len(order)] for place, number in enumerate(chosen)}


def result(records: Sequence[Record], policy: str) -> Result:
    """What the policy did over the records. NaN losses stay NaN: what could not be scored is no success."""
    served = [(record, record.turns[policy]) for record in records if policy in record.turns]
    rows = [record.period.end - record.period.start for record, _ in served]
    promoted = [(record, turn) for record, turn in served if turn.promoted]
    blocking = [reason.split(":", 1)[0] for _, turn in served for reason in dict.fromkeys(_gates(turn))]
    qualities = [turn.quality for _, turn in served]
    known = [quality for quality in qualities if quality is not None]
    return Result(
        mean_loss=_weighted([turn.loss for _, turn in served], rows),
        promotions=len(promoted),
        corrupted_promoted=sum(record.corruption is not None for record, _ in promoted),
        losses=tuple(turn.loss for _, turn in served),
        regretted=sum(turn.former_loss is not None and turn.former_loss < turn.loss for _, turn in promoted),
        refused=sum(bool(turn.reasons) and not turn.promoted for _, turn in served),
        refusals={gate: blocking.count(gate) for gate in sorted(set(blocking), key=lambda gate: (-blocking.count(gate), gate))},
        alarms=sum(len(turn.alarms) for _, turn in served),
        quality=_weighted(known, rows) if len(known) == len(rows) else None,
    )


def _gates(turn: Turn) -> list[str]:
    return [] if turn.promoted else [reason.split(":", 1)[0] for reason in turn.reasons]


def _weighted(values: Sequence[float], rows: Sequence[int]) -> float:
    total = sum(rows)
    return sum(value * count for value, count in zip(values, rows, strict=True)) / total if total else float("nan")
