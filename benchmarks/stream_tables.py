"""What the stream benchmark saw, window by window, and its tables: by stream, by rule, by reading."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.findings import Assumption
from driftgate.lifecycle.verdicts import Estimate

GROWTH = 0.10
"""What the loss may grow by; also the default of `loss_growth`."""
OURS = "driftgate"

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Seen:
    """One window of one version. `alarms`: by rule; `expected`: by reading, None where undecided."""

    stream: str
    kind: str
    at: str
    rows: int
    growth: Estimate
    alarms: Mapping[str, bool]
    expected: Mapping[Assumption, Estimate | None]

    @property
    def grew(self) -> bool:
        """Whether the loss grew by more than 10 %."""
        return self.growth.value > GROWTH


def counted(rows: Sequence[Seen]) -> pd.DataFrame:
    """For each stream and kind of window: how many, in how many the loss grew, and how many of either alarmed."""
    frame = pd.DataFrame(
        {
            "stream": row.stream,
            "kind": row.kind,
            "windows": 1,
            "grew": row.grew,
            "alarmed, grew": row.grew and row.alarms[OURS],
            "alarmed, did not": not row.grew and row.alarms[OURS],
        }
        for row in rows
    )
    return frame.groupby(["stream", "kind"], as_index=False).sum()


def by_rule(rows: Sequence[Seen]) -> pd.DataFrame:
    """For each rule its recall, share of false alarms and precision over all windows, and both shares without the fresh ones."""
    grew = np.array([row.grew for row in rows])
    later = np.array([row.kind != "fresh" for row in rows])
    table = []
    for rule in rows[0].alarms:
        alarm = np.array([row.alarms[rule] for row in rows])
        table.append(
            {
                "rule": rule,
                "recall": _share(alarm, grew),
                "false": _share(alarm, ~grew),
                "precision": _share(grew, alarm),
                "recall, later": _share(alarm, grew & later),
                "false, later": _share(alarm, ~grew & later),
            }
        )
    return pd.DataFrame(table)


def by_reading(rows: Sequence[Seen]) -> pd.DataFrame:
    """For each reading: on how many windows it speaks, how it ranks their growth, and the share whose growth its interval holds.

    Rank correlation (Spearman) over all windows, and the mean of those within streams. The interval is of what to expect, and the
    measured growth has the noise of its outcomes on top: `covered` widens it by that noise, `covered, bare` does not. Designed for .9.
    `bounded`: the share of intervals with both ends.
    """
    table = []
    for assumption in rows[0].expected:
        told = [(row, estimate) for row in rows if (estimate := row.expected[assumption]) is not None]
        within = [_ranks([pair for pair in told if pair[0].stream == name]) for name in sorted({row.stream for row in rows})]
        table.append(
            {
                "reading": assumption.value,
                "windows": len(told),
                "spearman": _ranks(told),
                "within streams": float(np.nanmean(within)) if np.isfinite(within).any() else float("nan"),
                "covered": _mean([_holds(_widened(estimate, row.growth), row.growth) for row, estimate in told]),
                "covered, fresh": _mean(
                    [_holds(_widened(estimate, row.growth), row.growth) for row, estimate in told if row.kind == "fresh"]
                ),
                "covered, bare": _mean([_holds(estimate, row.growth) for row, estimate in told]),
                "bounded": _mean([estimate.lower is not None and estimate.upper is not None for _, estimate in told]),
            }
        )
    return pd.DataFrame(table)


def _ranks(told: Sequence[tuple[Seen, Estimate]]) -> float:
    from scipy.stats import spearmanr

    if len(told) < 3 or len({estimate.value for _, estimate in told}) < 2:
        return float("nan")
    return float(spearmanr([estimate.value for _, estimate in told], [row.growth.value for row, _ in told]).statistic)


def _holds(estimate: Estimate, growth: Estimate) -> bool:
    """Whether the growth lies in the interval; one without an end is open there."""
    above = estimate.lower is None or estimate.lower <= growth.value
    return above and (estimate.upper is None or growth.value <= estimate.upper)


def _widened(estimate: Estimate, growth: Estimate) -> Estimate:
    """The interval by the errors of both, which are as good as independent: they add in squares."""
    if growth.lower is None or growth.upper is None:
        return estimate
    below, above = growth.upper - growth.value, growth.value - growth.lower
    lower = None if estimate.lower is None else estimate.value - math.hypot(estimate.value - estimate.lower, below)
    upper = None if estimate.upper is None else estimate.value + math.hypot(estimate.upper - estimate.value, above)
    return Estimate(estimate.value, lower, upper)


def _mean(held: Sequence[bool]) -> float:
    return float(np.mean(held)) if held else float("nan")


def _share(what: Mask, among: Mask) -> float:
    return float(what[among].mean()) if among.any() else float("nan")


def windows(rows: Sequence[Seen]) -> pd.DataFrame:
    """Every window: what alarmed, the measured growth and the expected ones."""
    return pd.DataFrame(
        {
            "stream": row.stream,
            "kind": row.kind,
            "at": row.at,
            "rows": row.rows,
            "alarm": row.alarms[OURS],
            "grew": row.grew,
            "growth": row.growth.value,
            **{assumption.value: np.nan if known is None else known.value for assumption, known in row.expected.items()},
        }
        for row in rows
    )
