"""Rows that count as independent of each other."""

from typing import TYPE_CHECKING

import numpy as np

from driftgate.reports.profiles.moments import IntArray

if TYPE_CHECKING:
    from driftgate.reports.profiles.reading import Cells


def one_each(entities: "Cells", seed: int) -> IntArray | None:
    """Positions of one row of each entity, drawn by seed, ascending; None where no entity repeats.

    Rows of one entity resemble each other; counted as independent they would raise false alarms. Rows without an entity stand for
    themselves.
    """
    codes = _codes(entities)
    if not (np.bincount(codes[codes >= 0]) > 1).any():
        return None
    order = np.random.default_rng(seed).permutation(len(codes))
    shuffled = codes[order]
    first = np.zeros(len(codes), dtype=bool)
    first[np.unique(shuffled, return_index=True)[1]] = True
    return np.sort(order[first | (shuffled < 0)])


def _codes(entities: "Cells") -> IntArray:
    """A number for each entity; -1: none."""
    import pandas as pd

    if not isinstance(entities, pd.Series):
        entities = pd.Series(entities, dtype=object)
    try:
        codes, _ = pd.factorize(entities, use_na_sentinel=True)
    except TypeError:  # a list is no key
        codes, _ = pd.factorize(entities.where(entities.isna(), entities.astype(str)), use_na_sentinel=True)
    return np.asarray(codes, dtype=np.int64)
