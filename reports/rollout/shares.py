"""Bounds of a share that hold at all looks together, however many there are and whenever one stops.

Robbins, "Statistical methods related to the law of the iterated logarithm" (Annals of Mathematical Statistics 1970): under the true
share the likelihood ratio of a mixture against it is a martingale that begins at 1, so by Ville's inequality it ever reaches 1 / level
with a chance of at most `level`. The mixture here is uniform over all shares, which makes the ratio a beta function. It is exact for
independent rows of one share.
"""

import math


def bounds(hits: int, rows: int, level: float) -> tuple[float, float] | None:
    """The lowest and highest share that are not excluded after `hits` in `rows`; None without rows.

    The chance that the true share is ever outside is at most `level`, for both ends together.
    """
    if rows < 1 or not 0 <= hits <= rows:
        return None
    return _end(hits, rows, level, 0.0), _end(hits, rows, level, 1.0)


def _end(hits: int, rows: int, level: float, outer: float) -> float:
    """The excluded share nearest to the observed one, towards `outer`; the ratio grows from the observed share on to either side."""
    inner = hits / rows
    if inner == outer:
        return outer
    target = -math.log(level)
    while abs(outer - inner) > 1e-12:  # noqa: PLR2004 - as near as is of use
        middle = (inner + outer) / 2.0
        if _log_ratio(hits, rows, middle) >= target:
            outer = middle
        else:
            inner = middle
    # What is not excluded, a little further out: rounding never makes a bound tighter.
    return outer


def _log_ratio(hits: int, rows: int, share: float) -> float:
    misses = rows - hits
    if (hits and share <= 0.0) or (misses and share >= 1.0):
        return math.inf
    mixture = math.lgamma(hits + 1) + math.lgamma(misses + 1) - math.lgamma(rows + 2)
    return mixture - (hits * math.log(share) if hits else 0.0) - (misses * math.log1p(-share) if misses else 0.0)
