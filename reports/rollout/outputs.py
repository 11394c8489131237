"""How far the answers of two groups of entities differ in distribution, with a bound that holds at all looks together."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from driftgate.lifecycle.measurements_rollout import OutputChange
from driftgate.lifecycle.payloads import Payload
from driftgate.lifecycle.schema import Schema, Task
from driftgate.reports.impact.cases import Floats, Ints, Mask, micros
from driftgate.reports.impact.contrasts import Contrast, between
from driftgate.reports.impact.sequences import LEAST, follow

BINS = 5
RARE = 0.05
"""A bin with a smaller share of the rows need not have a bound before the whole is called known: it can add no more than that."""

FIRST_LOOK = timedelta(minutes=1)


def change(own: Sequence[Payload], beside: Sequence[Payload], schema: Schema, start: datetime, end: datetime, level: float) -> OutputChange:
    """The total variation between the answers of two groups, in quintiles of the second one's (for many classes: in classes).

    The unit is the entity, by its mean so far; entities in both groups, and rows without one, are left out. `start`, `end`: of the own
    rows' window, which is looked at after 1, 2, 4, ... minutes and at its end; the rows beside are taken whole where they are all earlier.
    Each bin's difference has a confidence sequence at level / bins (reports/impact/sequences.py), and half of what lies surely above or
    below 0 adds up to the bound. Undefined while either group has fewer than two entities.
    """
    own, beside = _apart(own, beside)
    entity, when, value, mine = _columns([*own, *beside], len(own), schema)
    sizes = (len(np.unique(entity[mine])), len(np.unique(entity[~mine])))
    if min(sizes) < 2:  # noqa: PLR2004 - no variance in one entity
        return OutputChange(*sizes, why="there are fewer than two entities in one of the groups")
    if not np.isfinite(value).all():
        return OutputChange(*sizes, why="an answer is not a finite number")
    bins = _binned(value, value[~mine], schema)
    count = int(bins.max()) + 1
    if count < 2:  # noqa: PLR2004
        return OutputChange(*sizes, change=0.0, lower=0.0)
    looks = _looks(start, end)
    courses = [_contrasts(entity, when, (bins == number).astype(np.float64), mine, looks) for number in range(count)]
    lows = [_surely(contrasts, level / count) for contrasts in courses]
    last = [contrasts[-1] for contrasts in courses]
    chance = math.fsum(math.sqrt(2.0 / math.pi) * each.error for each in last if each.error > 0) / 2.0
    distance = math.fsum(abs(each.value) for each in last) / 2.0
    missing = [low is None and float(np.mean(bins == number)) >= RARE for number, low in enumerate(lows)]
    why = f"{LEAST} entities of each group, and some answers of each kind, are needed for a bound" if any(missing) else None
    # What has no bound adds nothing to what is sure.
    lower = None if all(low is None for low in lows) else math.fsum(low or 0.0 for low in lows) / 2.0
    return OutputChange(*sizes, max(0.0, distance - chance), lower, why)


def _apart(own: Sequence[Payload], beside: Sequence[Payload]) -> tuple[list[Payload], list[Payload]]:
    both = {payload.entity_id for payload in own} & {payload.entity_id for payload in beside} | {None}
    return [each for each in own if each.entity_id not in both], [each for each in beside if each.entity_id not in both]


def _columns(payloads: Sequence[Payload], own: int, schema: Schema) -> tuple[Ints, Ints, Floats, Mask]:
    names = np.array([payload.entity_id for payload in payloads], dtype=object)
    mine = np.zeros(len(payloads), dtype=np.bool_)
    mine[:own] = True
    return (
        pd.factorize(names)[0].astype(np.int64),
        np.array([micros(payload.event_time) for payload in payloads], dtype=np.int64),
        np.array([_answer(payload, schema) for payload in payloads], dtype=np.float64),
        mine,
    )


def _answer(payload: Payload, schema: Schema) -> float:
    """What is compared: the probability of the positive class, the number of the answered class, or the number that was answered."""
    output = payload.output
    if schema.task is Task.REGRESSION:
        return math.nan if isinstance(output.prediction, str) else float(output.prediction)
    if schema.task is Task.BINARY and len(output.probabilities) > 1:
        return output.probabilities[1]
    label = str(output.prediction)
    return float(schema.classes.index(label)) if label in schema.classes else math.nan


def _binned(value: Floats, beside: Floats, schema: Schema) -> Ints:
    if schema.task is Task.MULTICLASS:
        return value.astype(np.int64)
    edges = np.unique(np.quantile(beside, np.arange(1, BINS) / BINS))
    return np.searchsorted(edges, value, side="left").astype(np.int64)


def _looks(start: datetime, end: datetime) -> list[datetime]:
    ends, length = [], FIRST_LOOK
    while start + length < end:
        ends.append(start + length)
        length *= 2
    return [*ends, end]


def _contrasts(entity: Ints, when: Ints, inside: Floats, mine: Mask, looks: Sequence[datetime]) -> list[Contrast]:
    """The difference of the share in the bin, own - beside, at each look."""
    return [_between(entity[seen], inside[seen], mine[seen]) for look in looks for seen in [when < micros(look)]]


def _between(entity: Ints, inside: Floats, mine: Mask) -> Contrast:
    return between(_means(entity[mine], inside[mine]), _means(entity[~mine], inside[~mine]))


def _means(entity: Ints, inside: Floats) -> Floats:
    if not len(entity):
        return np.zeros(0)
    counts = np.bincount(entity)
    return (np.bincount(entity, weights=inside)[counts > 0] / counts[counts > 0]).astype(np.float64)


def _surely(contrasts: Sequence[Contrast], level: float) -> float | None:
    """By how much the share differs at least, on either side; None where no bound is there yet."""
    last = follow(contrasts, level).bounds[-1]
    if last.lower is None or last.upper is None:
        return None
    return max(0.0, last.lower, -last.upper)
