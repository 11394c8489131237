"""What is wrong with a snapshot: rows that repeat or cross the split, values and labels that change, features that leak or are mixed up."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.measurements_gates import DataQuality, Measured
from driftgate.lifecycle.schema import Schema, Task
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.bounds import grouping
from driftgate.reports.comparison import as_text, identifying, row_hashes
from driftgate.reports.gates import distances, exchanges, leaks
from driftgate.reports.live.bounding import Bounding, difference, share

Mask: TypeAlias = npt.NDArray[np.bool_]
Hashes: TypeAlias = npt.NDArray[np.uint64]
Side: TypeAlias = tuple[str, pd.DataFrame, pd.DataFrame]
"""What is said of it, the rows before, and the rows now."""
SEED = 0
"""Of what is drawn: the same snapshot always has the same numbers."""
FEW = 20
"""Values of a column up to which the next one is drawn given it; among more, a row's copies would be drawn with it."""


def measure(
    schema: Schema,
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    *,
    champion: int | None = None,
    champion_rows: pd.DataFrame | None = None,
    level: float = 0.05,
) -> DataQuality:
    """The findings on the candidate's snapshot; `champion_rows`: train and holdout of the champion's.

    Rows are equal where features, target, entity and time are. What chance gives: the same counts in rows whose values are drawn
    anew, column by column, given the one in the column before where that has at most 20, and always by the same seed. It is too little
    where columns that stand apart hang together. Changes: a difference of shares with bounds from both sides' exact ones (Zou
    and Donner 2008), by entity where entities repeat; of a number's distribution the Kolmogorov-Smirnov distance
    (`distances.numbers`). Bonferroni over all of them.
    """
    both = pd.concat([train, holdout], ignore_index=True)
    sides: list[Side] = [("train to holdout", train, holdout)]
    if champion_rows is not None:
        sides.append((f"version {champion}'s snapshot", champion_rows, both))
    columns = [name for name in identifying(schema) if name in both.columns]
    repeats = _repeats(row_hashes(both, columns, schema), len(train))
    chance = _repeats(_by_chance(both, columns, schema), len(train)) if any(repeats) else repeats
    compared = [(name, side) for side in sides for name in schema.features if all(name in rows.columns for rows in side[1:])]
    classes = max(len(schema.classes), 1)
    confidence = 1.0 - level / max(len(compared) + classes * len(sides), 1)
    return DataQuality(
        train_rows=len(train),
        holdout_rows=len(holdout),
        level=level,
        duplicates=repeats[0],
        overlap=repeats[1],
        entity_overlap=_entity_overlap(schema, train, holdout),
        missing=tuple(_missing(name, side, schema, confidence) for name, side in compared),
        labels=tuple(change for side in sides for change in _labels(side, schema, confidence)),
        leaks=leaks.measure(schema, train, holdout, 1.0 - level),
        exchanges=exchanges.measure(schema, sides, level),
        duplicates_by_chance=chance[0],
        overlap_by_chance=chance[1],
    )


def _repeats(hashes: Hashes, train: int) -> tuple[float, float]:
    """The share of all rows that repeat an earlier one, and of those after the first `train` that stand among these."""
    duplicates = float(pd.Series(hashes).duplicated().mean()) if len(hashes) else 0.0
    return duplicates, float(np.isin(hashes[train:], hashes[:train]).mean()) if len(hashes) > train else 0.0


def _by_chance(rows: pd.DataFrame, columns: Sequence[str], schema: Schema) -> Hashes:
    """Hashes of as many rows that hold the same values, each value drawn anew among those that stand beside an equal value to its left."""
    rng, alike = np.random.default_rng(SEED), np.zeros(len(rows), dtype=np.int64)
    left, left_drawn, drawn = alike, alike, {}
    for name in columns:
        codes, levels = pd.factorize(row_hashes(rows, [name], schema))
        order = rng.permutation(len(rows))
        drawn[name] = np.empty(len(rows), dtype=np.int64)
        # As many rows were drawn with a value to the left as hold it: the two orders by it lie on each other.
        drawn[name][np.argsort(left_drawn, kind="stable")] = codes[order[np.argsort(left[order], kind="stable")]]
        left, left_drawn = (codes, drawn[name]) if len(levels) <= FEW else (alike, alike)
    return np.asarray(pd.util.hash_pandas_object(pd.DataFrame(drawn), index=False), dtype=np.uint64)


def _entity_overlap(schema: Schema, train: pd.DataFrame, holdout: pd.DataFrame) -> float | None:
    # Where rows are dated, an entity may well come again later.
    name = schema.entity
    if name is None or schema.time is not None or any(name not in rows.columns for rows in (train, holdout)) or not len(holdout):
        return None
    return float((as_text(holdout[name]).isin(as_text(train[name])) & holdout[name].notna()).mean())


def _missing(name: str, side: Side, schema: Schema, confidence: float) -> Measured:
    words, before, now = side
    return Measured(name, words, _growth(before[name].isna(), now[name].isna(), before, now, schema)(confidence))


def _growth(before: Any, now: Any, before_rows: pd.DataFrame, now_rows: pd.DataFrame, schema: Schema) -> Bounding:
    return difference(_share(now, now_rows, schema), _share(before, before_rows, schema))


def _share(hits: Any, rows: pd.DataFrame, schema: Schema) -> Bounding:
    entities = rows[schema.entity] if schema.entity is not None and schema.entity in rows.columns else None
    return share(np.asarray(hits, dtype=np.bool_), [grouping(len(rows), entities)])


def _labels(side: Side, schema: Schema, confidence: float) -> Iterator[Measured]:
    words, before, now = side
    if any(schema.target not in rows.columns for rows in (before, now)):
        return
    if schema.task is Task.REGRESSION:
        yield Measured(schema.target, words, distances.numbers(before[schema.target], now[schema.target], confidence))
        return
    old, new = as_text(before[schema.target]), as_text(now[schema.target])
    for label in schema.classes:
        grown = _growth(old == label, new == label, before, now, schema)(confidence)
        yield Measured(f"{schema.target} = {label}", words, _either_way(grown))


def _either_way(grown: Estimate) -> Estimate:
    """The size of a change, whichever way it goes."""
    if grown.value >= 0:
        return grown
    return Estimate(-grown.value, None if grown.upper is None else -grown.upper, None if grown.lower is None else -grown.lower)
