"""Permutation importance: how much the loss grows when one feature's values are shuffled among the rows."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.ports import Scorer
from driftgate.reports import losses
from driftgate.reports.perturbing import Copy, Table, scored, table

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

MOST_ROWS = 2_000
REPEATS = 3


@dataclass(frozen=True, slots=True)
class Importance:
    """The mean growth of the loss over the shuffles, in the loss's own unit, and the smallest and largest of them."""

    feature: str
    mean: float
    least: float
    most: float


def importances(
    scorer: Scorer, frame: pd.DataFrame, y: Floats | Ints, *, seed: int = 0, rows: int = MOST_ROWS, repeats: int = REPEATS
) -> tuple[Importance, ...]:
    """Every feature's importance on at most `rows` rows drawn by the seed, the largest first (Breiman 2001, section 10).

    Features that stand for each other share their importance. A feature whose shuffle the version cannot score is left out.
    """
    rng = np.random.default_rng(seed)
    if len(frame) > rows:
        chosen = np.sort(rng.permutation(len(frame))[:rows])
        frame, y = frame.iloc[chosen], y[chosen]
    source, schema = table(frame, scorer.schema), scorer.schema
    base = losses.per_row_loss(np.asarray(scorer.score(frame[list(schema.features)]), dtype=np.float64), y, schema).mean()
    orders = [rng.permutation(len(frame)) for _ in range(repeats)]
    answers = list(scored(scorer, source, [_shuffled(source, name, order) for name in schema.features for order in orders]))
    found = []
    for position, name in enumerate(schema.features):
        outputs = [answer for answer in answers[position * repeats : (position + 1) * repeats] if not isinstance(answer, str)]
        growth = [float(losses.per_row_loss(answer, y, schema).mean() - base) for answer in outputs if answer is not None]
        if growth:
            found.append(Importance(name, float(np.mean(growth)), min(growth), max(growth)))
    return tuple(sorted(found, key=lambda one: -one.mean))


def _shuffled(source: Table, name: str, order: Ints) -> Copy:
    return Copy(None, (name,), lambda column, _: source.columns[column][order])
