"""What a model's rows look like: inferred once from the training data and frozen with the version."""

from dataclasses import dataclass
from enum import StrEnum


class Task(StrEnum):
    """What the model predicts."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


class ColumnKind(StrEnum):
    """How a column is read: a float64 (missing: NaN), or text (missing: NaN)."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"


@dataclass(frozen=True, slots=True)
class Column:
    """One feature as the training data showed it.

    `nullable`: a missing value was seen, so one is allowed. `levels`: the categories seen, sorted (categorical only).
    `low` and `high`: the finite range seen (numeric only; None where every value was missing).
    """

    name: str
    kind: ColumnKind
    nullable: bool = False
    levels: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """The frozen contract between a version and its rows.

    `classes`: labels in the order of the probability columns; for a binary task the second one is the positive class;
    empty for regression. `entity` and `time` name columns that identify and date a row and are never features.
    """

    task: Task
    target: str
    columns: tuple[Column, ...]
    classes: tuple[str, ...] = ()
    entity: str | None = None
    time: str | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the feature columns, in the order the model takes them."""
        return tuple(column.name for column in self.columns)

    def named(self, kind: ColumnKind) -> tuple[str, ...]:
        """Names of the feature columns of one kind, in order."""
        return tuple(column.name for column in self.columns if column.kind is kind)

    def column(self, name: str) -> Column:
        """The feature of that name; KeyError where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)
