"""Rows by day, week or month, UTC."""

from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints: TypeAlias = npt.NDArray[np.int64]

LEAST_ROWS = 50
"""Rows that the typical period needs: with fewer its bounds say nothing, so a coarser one is taken."""
NAMES = (("day", "D"), ("week", "W-SUN"), ("month", "M"))


def periods(times: Any) -> tuple[str, list[tuple[datetime, datetime, Ints]]]:
    """`day`, `week` (Monday to Sunday) or `month`, and for each period with rows its start, end and row positions, in order.

    The finest whose median period has 50 rows, else months.
    """
    stamps = pd.Series(pd.to_datetime(np.asarray(times, dtype=object), utc=True)).dt.tz_localize(None)
    for name, code in NAMES:
        labels = stamps.dt.to_period(code)
        groups = labels.groupby(labels).indices
        if name == NAMES[-1][0] or (groups and np.median([len(rows) for rows in groups.values()]) >= LEAST_ROWS):
            break
    ordered: list[Any] = sorted(groups, key=lambda label: label.start_time)
    return name, [(*_ends(label), np.asarray(groups[label], dtype=np.int64)) for label in ordered]


def _ends(label: Any) -> tuple[datetime, datetime]:
    start, end = label.start_time, (label + 1).start_time
    return start.to_pydatetime().replace(tzinfo=UTC), end.to_pydatetime().replace(tzinfo=UTC)
