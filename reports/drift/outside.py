"""Numbers of the window beyond the reference's range: what unseen levels are to a category."""

import numpy as np

from driftgate.reports.drift import nulls
from driftgate.reports.drift.aspects import OUT_OF_RANGE, Aspect, Materiality, whole_rows
from driftgate.reports.drift.nulls import Ints
from driftgate.reports.drift.numeric import Pooled


def aspects(everything: Pooled, independent: Pooled, materiality: Materiality) -> tuple[Aspect, Aspect]:
    """What lies below all of the reference's numbers, and what lies above them.

    Args:
        everything: the values of all rows; effects are measured on them.
        independent: of the rows that count as independent; the test is made on them. The same object where those are all.
        materiality: the least share that matters, at either end.

    Where nothing distinguishes the sides, the `k` outermost of all N values lie in a window of n all together with the chance
    n (n - 1) ... / (N (N - 1) ...), k factors each. Tied values come and go together. It holds for every distribution, however heavy
    its tail, and so sees how many values lie outside but not how far. Of a single value that matters nevertheless: some column has its
    outermost value in the window nearly always. So a single one counts only where it lies `alone`, which few columns' do by chance.
    """
    low, high = (
        _aspect(effect, found, outermost, independent, materiality, single=single, all_matter=everything is not independent)
        for effect, found, outermost, single in zip(
            shares(everything), _outside(independent), _outermost(independent), alone(independent), strict=True
        )
    )
    return low, high


def alone(pooled: Pooled) -> tuple[bool, bool]:
    """Whether the lowest and the highest value of both sides occur once, more than twice as far from the median as all others there."""
    if len(pooled.values) < 2:  # noqa: PLR2004 - one value has no others beside it
        return False, False
    both = pooled.reference + pooled.window
    rows = int(both[-1])
    middle = float(pooled.values[np.searchsorted(both, (rows + 1) // 2, side="left")])
    (lowest, low), (high, highest) = pooled.values[:2].tolist(), pooled.values[-2:].tolist()
    single = int(both[0]) == 1, rows - int(both[-2]) == 1
    return single[0] and middle - lowest > 2 * max(middle - low, 0.0), single[1] and highest - middle > 2 * max(high - middle, 0.0)


def shares(pooled: Pooled) -> tuple[float, float]:
    """The shares of the window's values that lie below and above all of the reference's."""
    low, high = _outside(pooled)
    return low / int(pooled.window[-1]), high / int(pooled.window[-1])


def _outside(pooled: Pooled) -> tuple[int, int]:
    """How many values of the window lie below and above all of the reference's."""
    first, last = np.searchsorted(pooled.reference, [1, pooled.reference[-1]], side="left").tolist()
    return int(pooled.window[first - 1]) if first else 0, int(pooled.window[-1] - pooled.window[last])


def _outermost(pooled: Pooled) -> tuple[Ints, Ints]:
    """From either end inwards how many values lie at or beyond each distinct one, as far as chance may give all of them to the window."""
    both = pooled.reference + pooled.window
    rows, window = int(both[-1]), int(pooled.window[-1])
    most = min(window, nulls.most_in_window(rows, window))
    first, last = np.searchsorted(both, [most + 1, rows - most], side="left").tolist()
    return both[:first].astype(np.int64), (rows - both[last:-1].astype(np.int64))[::-1]


def _aspect(
    effect: float, found: int, outermost: Ints, independent: Pooled, materiality: Materiality, *, single: bool, all_matter: bool
) -> Aspect:
    """One end. `single`: a single value counts there. `all_matter`: chance is counted from the first row, not from those that matter."""
    window = int(independent.window[-1])
    rows = window + int(independent.reference[-1])
    chances = nulls.all_in_window(outermost, rows, window)
    chance = float(np.diff(outermost, prepend=0) @ chances) / window
    limit = whole_rows(materiality.out_of_range, chance, window)
    # Fewer rows than matter never alarm, so chance may have them for nothing; but where only some rows are independent, all matter.
    least = max(0 if all_matter else round(limit * window), 1 if single else 2)
    counted = chances[outermost >= least]
    return Aspect(
        method=OUT_OF_RANGE,
        effect=effect,
        limit=limit,
        chance=chance,
        p_value=float(nulls.all_in_window(np.array([found]), rows, window)[0]) if single or found != 1 else 1.0,
        attainable=tuple(counted[counted > 0].tolist()),
    )
