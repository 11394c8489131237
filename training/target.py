"""The target: its task, its classes in order, and its values as learners and snapshots take them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.plan import ModelPlan
from driftgate.lifecycle.schema import Task
from driftgate.training import values
from driftgate.training.values import Cells, Mask

MOST_GUESSED_TEXT_CLASSES = 20
"""A text target with more labels than this must be declared multiclass by name."""

MOST_GUESSED_NUMBER_CLASSES = 10
"""A target of whole numbers with more values than this is taken for a regression."""

_POSITIVE_WORDS = frozenset({"yes", "y", "true", "t", "1", "churn", "churned", "positive", "pos", "fraud", "converted", "responded", "won"})


@dataclass(frozen=True, slots=True)
class Target:
    """The task and its classes (empty for regression; binary: the positive one second), with the guesses that were made."""

    task: Task
    classes: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def cells(self, column: Cells) -> Cells:
        """The column as a snapshot holds it: labels (object) or float64.

        Raises InvalidData for what is missing, no number, infinite, or a label outside the classes.
        """
        if self.task is Task.REGRESSION:
            return pd.Series(_finite(column), index=column.index, name=column.name)
        found = values.labels(column)
        strangers = sorted({str(label) for label in found.dropna().unique()} - set(self.classes))
        if strangers or found.isna().any():
            what = f"labels that are not among {_listed(self.classes)}: {_listed(strangers)}" if strangers else "missing values"
            raise InvalidData(f"target {column.name!r} holds {what}", field=str(column.name))
        return found

    def encoded(self, cells: Cells) -> npt.NDArray[np.float64] | npt.NDArray[np.int64]:
        """Shape (rows,): the index of each label in `classes`, or the numbers of a regression target."""
        if self.task is Task.REGRESSION:
            return np.asarray(cells, dtype=np.float64)
        index = {label: position for position, label in enumerate(self.classes)}
        return np.array([index[label] for label in cells], dtype=np.int64)


def missing(column: Cells) -> Mask:
    """Where the target is missing: blank or a marker of missing text; "none", "?" and the like only among numbers."""
    gone = values.labels(column).isna().to_numpy(dtype=np.bool_)
    found, bad = values.numbers(column)
    return gone if bad.any() else gone | np.isnan(found)


def resolve(column: Cells, plan: ModelPlan) -> Target:
    """The target of a column without missing values, as the plan declares it or else as its values suggest.

    Raises InvalidData where the column is empty or constant, or does not fit the declared task or positive class.
    """
    name = str(column.name)
    found = values.labels(column).dropna()
    counts = found.value_counts()
    if counts.empty:
        raise InvalidData(f"target {name!r} has no value in any row", field=name)
    if len(counts) == 1:
        raise InvalidData(f"target {name!r} is {counts.index[0]!r} in all {len(found)} rows: there is nothing to learn", field=name)
    task = plan.task or guess(column)
    if task is Task.REGRESSION:
        _finite(column)
        return Target(task, ())
    if len(counts) > 2 and task is Task.BINARY:  # noqa: PLR2004 - binary means two
        raise InvalidData(
            f'target {name!r} has {len(counts)} labels ({_listed(sorted(counts.index))}), not two: set task = "multiclass"', field=name
        )
    warnings: tuple[str, ...] = ()
    if len(counts) == 2 and task is Task.MULTICLASS:  # noqa: PLR2004 - binary means two
        warnings = (f"target {name!r} has two labels in these rows, so the task is binary",)
    if len(counts) > 2:  # noqa: PLR2004 - binary means two
        return Target(Task.MULTICLASS, _in_order(list(counts.index)), warnings)
    positive, guessed = _positive(counts, plan, name)
    negative = next(label for label in counts.index if label != positive)
    return Target(Task.BINARY, (str(negative), positive), warnings + guessed)


def guess(column: Cells) -> Task:
    """The task that the values suggest: two labels binary, few multiclass, many numbers regression.

    Raises InvalidData where the column is text with too many labels to be a class.
    """
    present = column[~missing(column)]
    distinct = values.labels(present).nunique()
    if distinct == 2:  # noqa: PLR2004 - binary means two
        return Task.BINARY
    found, bad = values.numbers(present)
    if bad.any():
        if 2 * bad.sum() < len(present):
            raise _mixed(present, bad)
        if distinct > MOST_GUESSED_TEXT_CLASSES:
            raise InvalidData(
                f'target {column.name!r} has {distinct} different texts: set task = "multiclass" if they are classes',
                field=str(column.name),
            )
        return Task.MULTICLASS
    whole = bool((found == np.floor(found)).all())
    return Task.MULTICLASS if whole and distinct <= MOST_GUESSED_NUMBER_CLASSES else Task.REGRESSION


def _finite(column: Cells) -> values.Floats:
    found, bad = values.numbers(column)
    if bad.any():
        raise _mixed(column, bad)
    if not np.isfinite(found).all():
        count = int((~np.isfinite(found)).sum())
        raise InvalidData(f"target {column.name!r} is infinite or missing in {count} rows: remove them", field=str(column.name))
    return found


def _mixed(column: Cells, bad: Mask) -> InvalidData:
    example = column[bad].iloc[0]
    message = f"target {column.name!r} mixes numbers and text: {int(bad.sum())} of {len(column)} values are no numbers, such as {example!r}"
    return InvalidData(message, field=str(column.name))


def _positive(counts: "pd.Series[int]", plan: ModelPlan, name: str) -> tuple[str, tuple[str, ...]]:
    found = [str(label) for label in counts.index]
    if plan.positive is not None:
        wanted = values.labels(pd.Series([plan.positive], dtype=object)).iloc[0]
        if wanted in found:
            return str(wanted), ()
        raise InvalidData(
            f"positive = {plan.positive!r} is not a label of target {name!r}, which has {_listed(sorted(found))}", field="positive"
        )
    usual = [label for label in found if label.strip().lower() in _POSITIVE_WORDS]
    if len(usual) == 1:
        return usual[0], ()
    rarest = min(sorted(found), key=lambda label: int(counts[label]))
    return rarest, (f"took {rarest!r}, the rarer label of {name!r}, for the positive class: set positive to say otherwise",)


def _in_order(found: list[str]) -> tuple[str, ...]:
    numeric, bad = values.numbers(pd.Series(found, dtype=object))
    if bad.any():
        return tuple(sorted(found))
    return tuple(label for _, label in sorted(zip(numeric, found, strict=True)))


def _listed(items: "list[str] | tuple[str, ...]") -> str:
    most = 6
    shown = ", ".join(repr(item) for item in items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"
