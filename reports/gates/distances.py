"""How far two samples of one column are apart, with bounds that hold at every size."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.comparison import as_text

Floats: TypeAlias = npt.NDArray[np.float64]


def numbers(before: Any, now: Any, confidence: float) -> Estimate:
    """The Kolmogorov-Smirnov distance of the finite values, less and more what both samples may be off. NaN where one has none.

    Dvoretzky, Kiefer and Wolfowitz 1956 with Massart's constant, 1990.
    """
    old, new = _finite(before), _finite(now)
    if not (len(old) and len(new)):
        return Estimate(float("nan"))
    places = np.concatenate([old, new])
    gaps = np.searchsorted(old, places, side="right") / len(old) - np.searchsorted(new, places, side="right") / len(new)
    reach = sum(np.sqrt(np.log(4.0 / (1.0 - confidence)) / (2.0 * size)) for size in (len(old), len(new)))
    return _within(float(np.abs(gaps).max()), float(reach))


def levels(before: Any, now: Any, confidence: float) -> Estimate:
    """The total variation distance of the shares of the levels, less and more what both samples may be off. NaN where one has none.

    Weissman and others 2003, "Inequalities for the L1 deviation of the empirical distribution".
    """
    old, new = (as_text(side[side.notna()]).value_counts(normalize=True) for side in (before, now))
    if not (len(old) and len(new)):
        return Estimate(float("nan"))
    shares = pd.concat([old, new], axis=1).fillna(0.0).to_numpy()
    reach = sum(_off(len(shares), int(side.notna().sum()), confidence) for side in (before, now))
    return _within(float(np.abs(shares[:, 0] - shares[:, 1]).sum() / 2.0), reach)


def _finite(side: Any) -> Floats:
    found = np.sort(np.asarray(pd.to_numeric(side, errors="coerce"), dtype=np.float64))
    return found[np.isfinite(found)]


def _off(count: int, size: int, confidence: float) -> float:
    """What the shares of one sample may be off, in total variation, but once in 2 / (1 - confidence)."""
    return float(np.sqrt((count * np.log(2.0) + np.log(2.0 / (1.0 - confidence))) / (2.0 * size)))


def _within(value: float, reach: float) -> Estimate:
    return Estimate(value, max(value - reach, 0.0), min(value + reach, 1.0))


def further(own: Sequence[Estimate], other: Sequence[Estimate]) -> Estimate:
    """By how much the nearest of `own` is further away than the furthest of `other`."""
    return Estimate(
        min(each.value for each in own) - max(each.value for each in other),
        min(each.lower or 0.0 for each in own) - max(1.0 if each.upper is None else each.upper for each in other),
        min(1.0 if each.upper is None else each.upper for each in own) - max(each.lower or 0.0 for each in other),
    )
