"""Candidates broken on purpose, each in one way that happens in practice, to see whether the gates let them through.

Some kinds break the rows that a model learns from, the others what a fitted model says. The rows that it is judged on are never
touched: a broken training says nothing about the world.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import ColumnKind, Schema, Task
from driftgate.training import association
from driftgate.training.target import Target

Floats = npt.NDArray[np.float64]


class Corruption(StrEnum):
    """How a candidate is broken."""

    SHUFFLED_LABELS = "shuffled_labels"
    SWAPPED_FEATURES = "swapped_features"
    DISTORTED_OUTPUTS = "distorted_outputs"
    CONSTANT_OUTPUT = "constant_output"


OF_ROWS = (Corruption.SHUFFLED_LABELS, Corruption.SWAPPED_FEATURES)
"""Kinds that break the training rows, before the fit: `corrupted_rows`."""

OF_OUTPUTS = (Corruption.DISTORTED_OUTPUTS, Corruption.CONSTANT_OUTPUT)
"""Kinds that break a fitted model: `corrupted_model`."""

TOO_HIGH = 1.5
"""What a regression's distorted outputs are multiplied by."""


def corrupted_rows(kind: Corruption, train: pd.DataFrame, schema: Schema, seed: int) -> pd.DataFrame:
    """A copy of the conformed training rows, broken; as it was for a kind that breaks outputs.

    `shuffled_labels`: the targets in another order, drawn by the seed, as a join on the wrong key leaves them. `swapped_features`: the
    feature that alone says most of the target changes places with another one of its kind, drawn by the seed, as in a file whose columns
    moved; where it is the only one of its kind its values are shuffled.
    """
    generator = np.random.default_rng([seed, list(Corruption).index(kind)])
    broken = train.copy()
    if kind is Corruption.SHUFFLED_LABELS:
        broken[schema.target] = train[schema.target].to_numpy()[generator.permutation(len(train))]
    elif kind is Corruption.SWAPPED_FEATURES:
        best = _most_telling(train, schema, seed)
        others = [name for name in schema.named(schema.column(best).kind) if name != best]
        if others:
            other = others[int(generator.integers(len(others)))]
            broken[best], broken[other] = train[other].to_numpy(), train[best].to_numpy()
        else:
            broken[best] = train[best].to_numpy()[generator.permutation(len(train))]
    return broken


def corrupted_model(kind: Corruption, model: Any, train: pd.DataFrame, schema: Schema) -> Any:
    """The fitted model behind what breaks its outputs; the model itself for a kind that breaks rows.

    `distorted_outputs`: the positive class's probability squared, and the other one the rest; of more classes each squared, and then scaled
    to sum to 1; of a regression: times 1.5. `constant_output`, for every row: the shares of the classes in the training rows, or the median
    target.
    """
    if kind is Corruption.DISTORTED_OUTPUTS:
        return Distorted(model, binary=schema.task is Task.BINARY)
    if kind is not Corruption.CONSTANT_OUTPUT:
        return model
    if schema.task is Task.REGRESSION:
        return Constant(np.array([float(train[schema.target].median())]), None)
    codes = _codes(train, schema)
    shares = np.bincount(codes, minlength=len(schema.classes)) / len(codes)
    return Constant(shares, np.arange(len(schema.classes)))


@dataclass
class Distorted:
    """A fitted model whose outputs are no longer what it learned. Has the methods that the model has."""

    model: Any
    binary: bool

    @property
    def classes_(self) -> Any:
        """The model's own classes."""
        return self.model.classes_

    @property
    def feature_names_in_(self) -> Any:
        """The model's own order of columns."""
        return getattr(self.model, "feature_names_in_", None)

    def predict(self, frame: pd.DataFrame) -> Any:
        """A regression's numbers, too high; a classifier's labels by the distorted probabilities."""
        if hasattr(self.model, "predict_proba"):
            return np.asarray(self.classes_)[self.predict_proba(frame).argmax(axis=1)]
        return np.asarray(self.model.predict(frame), dtype=np.float64) * TOO_HIGH

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """The distorted probabilities, shape (rows, classes)."""
        squared = np.asarray(self.model.predict_proba(frame), dtype=np.float64) ** 2
        if self.binary:
            return np.column_stack([1.0 - squared[:, 1], squared[:, 1]])
        return np.asarray(squared / squared.sum(axis=1, keepdims=True), dtype=np.float64)


@dataclass
class Constant:
    """A model that says the same of every row. `classes_`: None for a regression, whose `said` is one number."""

    said: Floats
    classes_: Any

    def predict(self, frame: pd.DataFrame) -> Any:
        """The number for every row, or the commonest class."""
        if self.classes_ is None:
            return np.full(len(frame), self.said[0])
        return np.full(len(frame), self.classes_[int(self.said.argmax())])

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """The same probabilities for every row, shape (rows, classes)."""
        return np.tile(self.said, (len(frame), 1))


def _most_telling(train: pd.DataFrame, schema: Schema, seed: int) -> str:
    """The feature that alone predicts the target best, by cross-validation. Raises InvalidData where none does at all."""
    outcome = train[schema.target].to_numpy(dtype=np.float64) if schema.task is Task.REGRESSION else _codes(train, schema)
    found = {
        column.name: score
        for column in schema.columns
        if (score := association.score(train[column.name], column.kind, outcome, schema.task, seed)) is not None
    }
    if not found:
        raise InvalidData("no feature can be told to say anything of the target: there is none to swap")
    # Kinds with a partner first: a swap, and not a shuffle, wherever the rows allow one.
    paired = {kind for kind in ColumnKind if len(schema.named(kind)) > 1}
    return max(found, key=lambda name: (schema.column(name).kind in paired, found[name], name))


def _codes(train: pd.DataFrame, schema: Schema) -> npt.NDArray[np.int64]:
    return Target(schema.task, schema.classes).encoded(train[schema.target]).astype(np.int64)
