"""The rows that are compared: numbers of several kinds and texts, a reference and a window in which some columns drifted.

Imported by the peers' processes as well: numpy, pandas and the standard library only.
"""

import json
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

FULL, ROUNDED, WHOLE, TEXT = 8, 4, 3, 10
COLUMNS = FULL + ROUNDED + WHOLE + TEXT
DRIFTED = 5
"""Every so many columns one drifts."""
MISSING = 0.05
"""Share of missing values in every fourth column."""


def names(kind: str) -> list[str]:
    """The columns of a kind: `number` or `text`, in order."""
    numbers = [f"full_{n}" for n in range(FULL)] + [f"rounded_{n}" for n in range(ROUNDED)] + [f"whole_{n}" for n in range(WHOLE)]
    return numbers if kind == "number" else [f"text_{n}" for n in range(TEXT)]


def generated(rows: int, *, seed: int, drifted: bool) -> pd.DataFrame:
    """One side: the numbers of every precision that tables hold, and texts of 3 to 48 levels."""
    rng = np.random.default_rng(seed)
    columns: dict[str, npt.NDArray[Any]] = {}
    for at, name in enumerate([*names("number"), *names("text")]):
        moved = 0.2 if drifted and at % DRIFTED == 0 else 0.0
        columns[name] = _column(rng, name, rows, moved)
        if at % 4 == 0:
            columns[name][rng.random(rows) < MISSING] = None if name.startswith("text") else np.nan
    return pd.DataFrame(columns)


def _column(rng: np.random.Generator, name: str, rows: int, moved: float) -> npt.NDArray[Any]:
    kind, number = name.split("_")
    if kind == "text":
        levels = np.array([f"level {level}" for level in range(3 + 5 * int(number))], dtype=object)
        weights = 1 / (1 + np.arange(len(levels))) ** (1 - moved)
        return levels[rng.choice(len(levels), rows, p=weights / weights.sum())]
    if kind == "whole":
        return rng.poisson(20 * (1 + moved), rows).astype(np.float64)
    values: npt.NDArray[np.float64] = (
        np.exp(rng.normal(moved, 0.6, rows)) * 40 if int(number) % 2 else rng.normal(50 + 15 * moved, 15, rows)
    )
    return values.round(2) if kind == "rounded" else values


def written(folder: Path, rows: int) -> tuple[Path, Path]:
    """Reference and window as Parquet files."""
    files = folder / f"reference-{rows}.parquet", folder / f"current-{rows}.parquet"
    for seed, file in enumerate(files):
        generated(rows, seed=seed, drifted=bool(seed)).to_parquet(file, index=False)
    return files


@dataclass
class Measured:
    """What a process says of itself: seconds for reading and measuring, without imports; peak memory, in MB; scores by column."""

    seconds: float = 0.0
    peak_mb: float = 0.0
    scores: Mapping[str, float] = field(default_factory=dict)
    more: Mapping[str, float] = field(default_factory=dict)


@contextmanager
def measuring() -> Iterator[Measured]:
    """Times what is done within, and prints it at the end as the last line of this process."""
    found, begun = Measured(), time.perf_counter()
    yield found
    found.seconds = time.perf_counter() - begun
    found.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps(vars(found)) + "\n")
