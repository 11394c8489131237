"""A column of a frame, read so that nothing in it can raise: what is usable, what is not, and what that says."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.lifecycle.plan import Scalar
from driftgate.lifecycle.schema import Column, ColumnKind
from driftgate.reports.profiles import scalars
from driftgate.reports.profiles.categorical import MOST_LEVELS, CategoricalProfile, of_counts
from driftgate.reports.profiles.moments import FloatArray, IntArray
from driftgate.reports.profiles.numeric import LOSSLESS, NumericProfile, of_values

if TYPE_CHECKING:
    import pandas as pd

ColumnProfile = NumericProfile | CategoricalProfile
Cells: TypeAlias = "pd.Series | FloatArray | list[Scalar]"
"""A column as it comes: of a frame, as numbers, or as the values of records."""
TEXT = frozenset({"string", "empty"})
"""What pandas calls objects that are all text or missing, and those that are all missing."""


def profiled(column: Column, cells: Cells, *, lossless: int = LOSSLESS, most_levels: int = MOST_LEVELS) -> ColumnProfile:
    """The profile of the values, read as the column's kind: see `numbers` and `texts`."""
    if column.kind is ColumnKind.NUMERIC:
        values, unreadable = _numbers(cells)
        return of_values(column.name, values, unreadable=unreadable, lossless=lossless)
    counts, missing, retyped = _texts(cells)
    return of_counts(column.name, counts, missing=missing, retyped=retyped, most_levels=most_levels)


def some_of(cells: Cells, rows: IntArray) -> Cells:
    """The cells of those rows."""
    if isinstance(cells, list):
        return [cells[row] for row in rows.tolist()]
    return cells[rows] if isinstance(cells, np.ndarray) else cells.iloc[rows]


def _numbers(cells: Cells) -> tuple[FloatArray, int]:
    if isinstance(cells, np.ndarray):
        return cells, 0
    return (scalars.numbers(cells) if isinstance(cells, list) else None) or numbers(_series(cells))


def _texts(cells: Cells) -> tuple[dict[str, int], int, int]:
    return (scalars.texts(cells) if isinstance(cells, list) else None) or texts(_series(cells))


def _series(cells: Cells) -> "pd.Series":
    import pandas as pd

    return cells if isinstance(cells, pd.Series) else pd.Series(cells, dtype=object)


def lost(column: Column, rows: int) -> ColumnProfile:
    """The profile of a column that the frame lacks: every row is missing."""
    if column.kind is ColumnKind.NUMERIC:
        return of_values(column.name, np.full(rows, np.nan))
    return of_counts(column.name, {}, missing=rows)


def numbers(series: "pd.Series") -> tuple[FloatArray, int]:
    """The values as float64 (missing and unreadable: NaN), and how many could not be read as numbers.

    Text that spells a number is that number; other text, dates, complex numbers and containers are unreadable.
    """
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        codes = series.cat.codes.to_numpy()
        values = np.append(numbers(pd.Series(series.cat.categories))[0], np.nan)[codes]
        return values, int(np.count_nonzero(np.isnan(values) & (codes >= 0)))
    if _is_number(series.dtype):
        return series.to_numpy(dtype=np.float64, na_value=np.nan), 0
    held = series.notna().to_numpy(dtype=bool)
    objects = series.to_numpy(dtype=object, copy=True)
    objects[~held] = None
    values = _spelled(objects)
    return values, int(np.count_nonzero(np.isnan(values) & held))


def texts(series: "pd.Series") -> tuple[dict[str, int], int, int]:
    """The rows on each level; rows without a value; rows whose value was not text and is read as its text.

    Half a surrogate pair, which no file can hold, is read as the replacement character.
    """
    import pandas as pd

    series, retyped = _hashable(series)
    codes, found = _factorized(series)
    if not all(_is_storable(value) for value in found):  # pandas may take one such text for another
        held = series.notna().to_numpy(dtype=bool)
        read = [_storable(_text(value)) if there else None for value, there in zip(series, held, strict=True)]
        codes, found = _factorized(pd.Series(read, dtype=object))
    counts = np.bincount(codes[codes >= 0], minlength=len(found)).tolist()
    levels: dict[str, int] = {}
    for value, count in zip(found, counts, strict=True):
        if count:
            levels[str(value)] = levels.get(str(value), 0) + count
            retyped += 0 if isinstance(value, str) else count
    return levels, len(series) - sum(counts), retyped


def _factorized(series: "pd.Series") -> tuple[npt.NDArray[Any], list[Any]]:
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        return series.cat.codes.to_numpy(), series.cat.categories.to_numpy(dtype=object).tolist()
    codes, found = pd.factorize(series, use_na_sentinel=True)
    return codes, np.asarray(found, dtype=object).tolist()


def _hashable(series: "pd.Series") -> "tuple[pd.Series, int]":
    """The values such that equal ones have the same text; how many objects became text for that: 1 and True are equal to Python."""
    import pandas as pd

    dtype = series.dtype
    if pd.api.types.is_float_dtype(dtype) and not isinstance(dtype, pd.CategoricalDtype):
        return series + 0.0, 0  # -0.0 equals 0.0
    nested = isinstance(dtype, pd.ArrowDtype) and dtype.kind == "O" and not pd.api.types.is_string_dtype(dtype)
    if not (pd.api.types.is_object_dtype(dtype) or nested):
        return series, 0
    objects = series.to_numpy(dtype=object)
    if pd.api.types.infer_dtype(objects, skipna=True) in TEXT:
        return series, 0
    held = series.notna().to_numpy(dtype=bool)
    read = [_text(value) if there else None for value, there in zip(objects, held, strict=True)]
    others = sum(not isinstance(value, str) for value in objects[held])
    return pd.Series(read, dtype=object), others


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _is_storable(value: Any) -> bool:
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return False
    return True


def _storable(level: str) -> str:
    return level if _is_storable(level) else level.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_number(dtype: Any) -> bool:
    import pandas as pd

    kinds = pd.api.types
    return (kinds.is_numeric_dtype(dtype) or kinds.is_bool_dtype(dtype)) and not kinds.is_complex_dtype(dtype)


def _spelled(objects: npt.NDArray[np.object_]) -> FloatArray:
    """Numbers out of objects; NaN where there is none."""
    import pandas as pd

    try:
        found = pd.to_numeric(objects, errors="coerce")
    except (OverflowError, TypeError, ValueError):
        found = None
    if found is None or np.asarray(found).dtype.kind not in "biuf":
        found = pd.to_numeric(np.fromiter(_real(objects), dtype=object, count=len(objects)), errors="coerce")
    return np.asarray(found, dtype=np.float64)


def _real(objects: npt.NDArray[np.object_]) -> Iterator[Any]:
    """The objects with None for what has no real value, and an infinity for a whole number beyond the largest float."""
    for value in objects:
        if isinstance(value, int):
            try:
                yield float(value)
            except OverflowError:
                yield math.inf if value > 0 else -math.inf
        else:
            yield None if isinstance(value, complex | np.complexfloating | np.ndarray) else value
