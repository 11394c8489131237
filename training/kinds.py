"""What a raw column is: numeric, categorical, or nothing that a model can take."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import ColumnKind
from driftgate.training import times, values
from driftgate.training.values import Cells, Mask

_IDENTIFYING_SHARE = 0.5
_FEWEST_IDENTIFIED_ROWS = 20
_ID_ENDINGS = ("_id", " id", "uuid", "guid")


class Unusable(StrEnum):
    """Why a column cannot be a feature."""

    MISSING = "all missing"
    CONSTANT = "constant"
    DATE = "date"
    IDENTIFIER = "identifier"


@dataclass(frozen=True, slots=True)
class Look:
    """A column as its cells show it: `bad` marks cells of a numeric column that are no numbers."""

    kind: ColumnKind
    present: int
    distinct: int
    bad: Mask


def look(column: Cells, declared: ColumnKind | None = None) -> Look:
    """How the column would be read, with the declared kind before any guess. Raises InvalidData where cells hold lists or objects.

    Text of which at least half the cells are numbers is numeric (its other cells are `bad`), except codes with leading zeros.
    """
    nested = values.nested_example(column)
    if nested is not None:
        raise InvalidData(
            f"column {column.name!r} holds {type(nested).__name__} values: a cell must be a number or text", field=str(column.name)
        )
    found, bad = values.numbers(column)
    good = ~bad & ~np.isnan(found)
    if _is_numeric(column, declared, int(good.sum()), int(bad.sum())):
        return Look(ColumnKind.NUMERIC, int(good.sum()), int(pd.Series(found[good]).nunique()), bad)
    written = values.text(column)
    return Look(ColumnKind.CATEGORICAL, int(written.notna().sum()), int(written.nunique()), np.zeros(len(column), dtype=np.bool_))


def require_numbers(column: Cells, bad: Mask) -> None:
    """Nothing where every cell of a numeric column is a finite number or missing. Raises InvalidData with a count and an example."""
    name = str(column.name)
    if bad.any():
        raise InvalidData(
            f"column {name!r} mixes numbers and text: {int(bad.sum())} of {len(column)} values are no numbers, such as "
            f'{column[bad].iloc[0]!r}; clean them, or declare it under kinds as "categorical"',
            field=name,
        )
    infinite = np.isinf(values.numbers(column)[0])
    if infinite.any():
        raise InvalidData(
            f"column {name!r} is infinite in {int(infinite.sum())} of {len(column)} rows: write a number or leave them blank", field=name
        )


def unusable(column: Cells, seen: Look) -> Unusable | None:
    """Why the column cannot be a feature, judged by the rows given; None where it can."""
    if seen.present == 0:
        return Unusable.MISSING
    if seen.distinct == 1:
        return Unusable.CONSTANT
    if times.looks_like_time(column):
        return Unusable.DATE
    return Unusable.IDENTIFIER if identifies(column, seen) else None


def identifies(column: Cells, seen: Look) -> bool:
    """Whether the column names rows instead of describing them.

    Text with more different values than half the rows; whole numbers that count the rows, or that are unique and named like an id.
    """
    if seen.present < _FEWEST_IDENTIFIED_ROWS or seen.bad.any():
        return False
    if seen.kind is ColumnKind.CATEGORICAL:
        return seen.distinct > _IDENTIFYING_SHARE * seen.present
    if seen.distinct < seen.present:
        return False
    found, _ = values.numbers(column)
    found = found[np.isfinite(found)]
    if not (found == np.floor(found)).all():
        return False
    counts_rows = float(found.max() - found.min()) == len(found) - 1
    return counts_rows or named_like_id(str(column.name))


def named_like_id(name: str) -> bool:
    """Whether the name ends like an identifier's: id, customer_id, customerID, uuid."""
    return name.lower() == "id" or name.lower().endswith(_ID_ENDINGS) or name.endswith(("ID", "Id"))


def _is_numeric(column: Cells, declared: ColumnKind | None, good: int, bad: int) -> bool:
    if declared is not None:
        return declared is ColumnKind.NUMERIC
    if values.is_boolean(column) or pd.api.types.is_datetime64_any_dtype(column.dtype):
        return False
    if pd.api.types.is_numeric_dtype(column.dtype):
        return True
    return good > 0 and good >= bad and not values.is_code(column)
