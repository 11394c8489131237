"""What models of any flavour answer, brought into one form: finite float64, probability columns in schema order."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Schema, Task

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

ROUNDING = 1e-3
"""How far a row of probabilities may be from summing to 1, and a probability from [0, 1]: float32 models round."""

ABSENT = -1
"""The column of a class that the model never saw: its probability is 0."""


def class_columns(labels: Sequence[object], classes: Sequence[str], *, by_index: bool = False) -> list[int]:
    """For each class of the schema, the model's column that holds its probability.

    `labels` are the model's own (`classes_`). `by_index`: they are positions in `classes`, as Driftgate trains them. Otherwise
    they are matched as text (1, 1.0, True and "1" all name the class "1"), and failing that, labels that count 0, 1, ... (or False,
    True) are taken for positions. Raises InvalidData where a label names no class.
    """
    plain = [label.item() if hasattr(label, "item") else label for label in labels]
    positions = None if by_index else _named(plain, classes)
    if positions is None:
        positions = _positions(plain, len(classes))
    if positions is None:
        raise InvalidData(
            f"the model's classes {plain} are not those of the schema, {list(classes)}: adopt it with the schema it was fitted on"
        )
    return [positions.index(wanted) if wanted in positions else ABSENT for wanted in range(len(classes))]


def _named(labels: Sequence[object], classes: Sequence[str]) -> list[int] | None:
    found = []
    for label in labels:
        matches = [position for position, name in enumerate(classes) if name in _spellings(label)]
        if len(matches) != 1:
            return None
        found.append(matches[0])
    return found if len(set(found)) == len(found) else None


def _spellings(label: object) -> set[str]:
    if isinstance(label, bool):
        return {str(label), str(label).lower(), str(int(label)), f"{float(label)}"}
    if isinstance(label, (int, float)) and math.isfinite(label) and float(label).is_integer():
        truth = {"0": {"False", "false"}, "1": {"True", "true"}}.get(str(int(label)), set())
        return {str(int(label)), f"{float(label)}", *truth}
    return {str(label)}


def _positions(labels: Sequence[object], count: int) -> list[int] | None:
    if not all(isinstance(label, (bool, int, float)) and float(label).is_integer() for label in labels):
        return None
    positions = [int(label) for label in labels if isinstance(label, (bool, int, float))]
    inside = all(0 <= position < count for position in positions)
    return positions if inside and len(set(positions)) == len(positions) else None


def ordered(probabilities: "Array", columns: Sequence[int]) -> "Array":
    """The probability columns in schema order; zeros where the model does not know the class."""
    import numpy as np

    if list(columns) == list(range(probabilities.shape[1])):
        return probabilities
    answer = np.zeros((probabilities.shape[0], len(columns)))
    for target, source in enumerate(columns):
        if source != ABSENT:
            answer[:, target] = probabilities[:, source]
    return answer


def from_positive(positive: "Array") -> "Array":
    """Both columns of a binary task from the probability of the positive (second) class."""
    import numpy as np

    return np.column_stack([1.0 - positive, positive])


def checked(answer: Any, rows: int, schema: Schema) -> "Array":
    """The outputs as float64 of the shape the task asks for.

    Raises InvalidData where the shape is another, where an output is NaN or infinite (naming how many rows), and where what
    should be probabilities is not.
    """
    import numpy as np

    values = np.asarray(answer, dtype=np.float64)
    if schema.task is Task.REGRESSION and values.ndim == 2 and values.shape[1] == 1:  # noqa: PLR2004 - a column of numbers
        values = values[:, 0]
    shape = (rows,) if schema.task is Task.REGRESSION else (rows, len(schema.classes))
    if values.shape != shape:
        raise InvalidData(f"the model answered an array of shape {values.shape} where {shape} was expected for {rows} rows")
    bad = ~np.isfinite(values)
    if bad.any():
        count = int(bad.any(axis=1).sum()) if bad.ndim > 1 else int(bad.sum())
        raise InvalidData(f"the model answered NaN or infinity for {count} of {rows} rows: its outputs cannot be used")
    if schema.task is not Task.REGRESSION:
        off = (values < -ROUNDING).any(axis=1) | (np.abs(values.sum(axis=1) - 1.0) > ROUNDING)
        if off.any():
            raise InvalidData(f"the model's outputs for {int(off.sum())} of {rows} rows are not probabilities that sum to 1")
    return values
