"""A world whose probabilities are known, and versions whose true loss in it is known as well: what decisions are tried on.

Only fitting and registering are replaced. A version here is a known function from features to probabilities, pickled, loaded and scored as
a fitted one is.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.reports.losses import PROBABILITY_EPSILON

Floats: TypeAlias = npt.NDArray[np.float64]

NUMBERS = ("tenure", "spend", "stars", "visits", "tickets", "age")
LEVELS = ("basic", "free", "plus", "pro")
SCHEMA = Schema(
    Task.BINARY,
    "left",
    (*(Column(name, ColumnKind.NUMERIC, low=-6.0, high=6.0) for name in NUMBERS), Column("plan", ColumnKind.CATEGORICAL, levels=LEVELS)),
    ("no", "yes"),
)
MOST = 4.0
"""As far from the truth as a version is looked for."""
TRUE = np.array([-1.2, 0.9, -0.7, 0.5, -0.3, 0.2, -1.0, 0.3, -1.4, -1.8])
"""What the log-odds of leaving really hang on: six numbers, then the level of each plan."""


def design(frame: pd.DataFrame) -> Floats:
    """The rows as numbers, shape (n, 10): the six columns, and which plan. Missing numbers are 0, the mean; unknown plans are none."""
    numbers = frame[list(NUMBERS)].to_numpy(dtype=np.float64)
    plans = pd.Index(LEVELS).get_indexer(pd.Index(frame["plan"]))
    return np.column_stack([np.nan_to_num(numbers), np.eye(len(LEVELS) + 1)[plans][:, :-1]])


@dataclass
class Known:
    """A version that answers by these weights, with the two methods that a fitted classifier has."""

    weights: Floats

    @property
    def classes_(self) -> npt.NDArray[np.int64]:
        """Positions in the schema's classes."""
        return np.arange(2)

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """Probabilities of staying and leaving, shape (n, 2)."""
        leaving = 1.0 / (1.0 + np.exp(-(design(frame) @ self.weights)))
        return np.column_stack([1.0 - leaving, leaving])

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.int64]:
        """The likelier class."""
        return self.predict_proba(frame).argmax(axis=1)


def drawn(rows: int, seed: int | list[int]) -> pd.DataFrame:
    """Rows of the world with their outcome, drawn by the seed."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, len(NUMBERS)))
    plans = rng.choice(np.array(LEVELS, dtype=object), rows, p=[0.3, 0.4, 0.2, 0.1])
    frame = pd.DataFrame(dict(zip(NUMBERS, numbers.T, strict=True)))
    frame["plan"] = pd.Series(plans, dtype=object)
    left = rng.random(rows) < 1.0 / (1.0 + np.exp(-(design(frame) @ TRUE)))
    frame[SCHEMA.target] = pd.Series(np.where(left, "yes", "no"), dtype=object)
    return frame


@dataclass(frozen=True)
class Difference:
    """By how much a version loses more than another one, per row, in the whole population; `spread`: the standard deviation over rows."""

    mean: float
    spread: float


@dataclass
class Population:
    """The rows on which what is true is measured. Their outcomes are not drawn: each counts with its probability."""

    rows: int = 200_000
    seed: int = 0

    @cached_property
    def few(self) -> "Population":
        """A part of it, for a first look."""
        return Population(self.rows // 10, self.seed)

    @cached_property
    def _design(self) -> Floats:
        return design(drawn(self.rows, [self.seed, 99]))

    @cached_property
    def _true(self) -> Floats:
        return np.asarray(1.0 / (1.0 + np.exp(-(self._design @ TRUE))))

    def _losses(self, weights: Floats) -> tuple[Floats, Floats]:
        """The loss of each row if it stays, and if it leaves."""
        leaving = np.clip(1.0 / (1.0 + np.exp(-(self._design @ weights))), PROBABILITY_EPSILON, 1.0 - PROBABILITY_EPSILON)
        return -np.log1p(-leaving), -np.log(leaving)

    @cached_property
    def _known(self) -> dict[bytes, tuple[Floats, Floats]]:
        return {}

    def _champion(self, weights: Floats) -> tuple[Floats, Floats]:
        """The losses of a version that others are held against, kept."""
        key = weights.tobytes()
        if key not in self._known:
            self._known[key] = self._losses(weights)
        return self._known[key]

    def loss(self, weights: Floats) -> float:
        """The expected log-loss of a version."""
        stays, leaves = self._losses(weights)
        return float(np.mean((1.0 - self._true) * stays + self._true * leaves))

    def difference(self, candidate: Floats, champion: Floats) -> Difference:
        """The candidate's loss less the champion's."""
        stays, leaves = (mine - theirs for mine, theirs in zip(self._losses(candidate), self._champion(champion), strict=True))
        mean = float(np.mean((1.0 - self._true) * stays + self._true * leaves))
        square = float(np.mean((1.0 - self._true) * stays**2 + self._true * leaves**2))
        return Difference(mean, float(np.sqrt(square - mean**2)))


def at_errors(population: Population, champion: Floats, direction: Floats, errors: float, rows: int) -> tuple[Floats, Difference] | None:
    """A version along the direction from the truth that is worse than the champion by so many standard errors of a mean over `rows`.

    A negative number is better. None where no version on that line is: the truth itself may not be better by as much.
    """
    from scipy.optimize import brentq

    def apart(amount: float, among: Population) -> float:
        found = among.difference(TRUE + amount * direction, champion)
        return found.mean / found.spread * float(np.sqrt(rows)) - errors

    few = population.few
    if apart(0.0, few) >= 0.0 or apart(MOST, few) <= 0.0:
        return None
    # Found on some of the rows, then moved by what is missing on all of them.
    near = float(brentq(apart, 0.0, MOST, args=(few,), xtol=1e-3, rtol=1e-3))
    step = 0.05
    slope = (apart(near + step, few) - apart(near, few)) / step
    weights = TRUE + (near - apart(near, population) / slope) * direction
    return weights, population.difference(weights, champion)


def errors_of(kind: Any) -> Floats:
    """A direction in which a version can be wrong, as long as the errors of real fits are: drawn, by seed."""
    direction = np.random.default_rng(kind).normal(size=len(TRUE))
    return np.asarray(direction / np.linalg.norm(direction))
