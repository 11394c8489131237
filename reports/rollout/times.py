"""Times to answer, counted in buckets that grow by a tenth, and how two versions compare in them."""

import math
from collections.abc import Mapping

from driftgate.lifecycle.measurements_rollout import Slowness
from driftgate.reports.rollout.shares import bounds

LEAST_SECONDS = 1e-4
GROWTH = 1.1
TAIL = 0.01
"""The share beyond the 99th percentile."""


def bucket(seconds: float) -> int:
    """The number of the bucket that the time falls in: bucket b holds times up to `edge(b)`."""
    return max(0, math.ceil(math.log(seconds / LEAST_SECONDS) / math.log(GROWTH) - 1e-9)) if seconds > LEAST_SECONDS else 0


def edge(number: int) -> float:
    """The longest time of the bucket, in seconds."""
    return float(LEAST_SECONDS * GROWTH**number)


def slowness(own: Mapping[int, int], beside: Mapping[int, int], ratio: float, level: float) -> Slowness:
    """How the times of a version compare with those of the one beside it; each maps a bucket to the rows in it.

    The limit is the ratio times the least edge beyond which surely no more than 1 % of the other's rows lie. Half of the level goes to
    that, half to the bound of the share of own rows beyond the limit.
    """
    rows, others = sum(own.values()), sum(beside.values())
    sure = _surely_beyond(beside, others, level / 2.0)
    limit = None if sure is None else ratio * edge(sure)
    lower = None
    if limit is not None and rows:
        slower = sum(count for number, count in own.items() if number > bucket(limit))
        found = bounds(slower, rows, level / 2.0)
        lower = None if found is None else found[0]
    return Slowness(rows, others, _percentile(own, rows), _percentile(beside, others), limit, lower)


def _surely_beyond(counts: Mapping[int, int], rows: int, level: float) -> int | None:
    """The least bucket beyond which the share is surely at most 1 %; None where the rows are too few to say so of any.

    That it is chosen by the data costs nothing: it is too low only where the bound of one edge, the last one that more than 1 % truly
    exceed, does not hold.
    """
    beyond = rows
    for number in sorted(counts):
        beyond -= counts[number]
        found = bounds(beyond, rows, level)
        if found is not None and found[1] <= TAIL:
            return number
    return None


def _percentile(counts: Mapping[int, int], rows: int) -> float | None:
    """The edge of the bucket that the 99th percentile lies in; None without rows."""
    reached = 0
    for number in sorted(counts):
        reached += counts[number]
        if reached >= (1.0 - TAIL) * rows:
            return edge(number)
    return None
