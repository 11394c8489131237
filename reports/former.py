"""A candidate against one that was champion before, on the rows of its comparison with the present one."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.lifecycle.measurements_former import FormerChampion
from driftgate.lifecycle.schema import Schema
from driftgate.reports import losses
from driftgate.reports.live.bounding import beyond, mean, units

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

FEWEST_ROWS = 30
"""Fewer rows bear no bound of how sure a difference is."""


def measure(
    candidate_outputs: Floats,
    former_outputs: Floats,
    y: Floats | Ints,
    schema: Schema,
    *,
    version: int,
    excluded: int,
    margin: float,
    entities: Any = None,
    ordered: bool = False,
    confidence: float = 0.95,
) -> FormerChampion:
    """The mean of the paired loss difference (candidate - former champion), and how sure it is that it is over margin x its loss.

    Outputs and `y` as for `comparison.compare`. Bounds and how sure it is: Student's t from each row's influence with Hall's correction
    (`bounds.corrected`), by entity where entities repeat, by runs in time where `ordered`; no resampling, as there are several of them. No
    rows have no numbers.
    """
    mine, theirs = (losses.per_row_loss(outputs, y, schema) for outputs in (candidate_outputs, former_outputs))
    if not len(mine):
        return FormerChampion(version, 0, excluded, margin=margin)
    difference, loss = mine - theirs, float(theirs.mean())
    bounding = mean(difference, units(len(mine), entities, np.arange(len(mine)) if ordered else None, difference))
    sure = beyond(bounding, margin * loss, above=True) if len(mine) >= FEWEST_ROWS else None
    return FormerChampion(version, len(mine), excluded, float(mine.mean()), loss, margin, bounding(confidence), sure)
