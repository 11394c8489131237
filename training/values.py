"""Cells as the two kinds of column know them: numbers (float64, missing NaN) and text (str, missing NaN)."""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

TEXT_MISSING = frozenset({"", "na", "n/a", "nan", "null", "<na>"})
"""Texts that mean "missing" in any column, in lower case and stripped."""

NUMBER_MISSING = TEXT_MISSING | {"none", "?", "-", ".", "#n/a"}
"""Texts that mean "missing" where a number is expected."""

Cells: TypeAlias = "pd.Series[Any]"
Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]

_Render: TypeAlias = Callable[[object], object]

_WHOLE_FLOAT = re.compile(r"[+-]?\d+\.0+")
_LEADING_ZERO = re.compile(r"0\d+")


def text(column: Cells) -> Cells:
    """The column as str with NaN for missing, dtype object. 1.0 and "1.0" become "1"; True and "true" become "True"."""
    return _mapped(column, lambda value: _rendered(value, fold_booleans=True))


def labels(column: Cells) -> Cells:
    """Target labels as str with NaN for missing: like `text`, but words are left as they are."""
    return _mapped(column, lambda value: _rendered(value, fold_booleans=False))


def numbers(column: Cells) -> tuple[Floats, Mask]:
    """The column as float64 (missing: NaN), and a mask of the cells that hold something else than a number."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan)), np.zeros(len(column), dtype=np.bool_)
    cells = column.astype(object)
    quick = _all_numbers(cells)
    if quick is not None:
        return quick, np.zeros(len(column), dtype=np.bool_)
    codes, uniques = pd.factorize(cells)
    parsed = [_parsed(value) for value in uniques]
    # The last cell answers for code -1, which factorize gives to missing values.
    found = np.array([*(math.nan if value is None else value for value in parsed), math.nan], dtype=np.float64)
    bad = np.array([*(value is None for value in parsed), False], dtype=np.bool_)
    return found[codes], bad[codes]


def is_boolean(column: Cells) -> bool:
    """Whether every cell that is not missing is a bool; False where all are missing."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return True
    if column.dtype != object:
        return False
    present = column.dropna()
    return bool(len(present)) and all(isinstance(value, (bool, np.bool_)) for value in present)


def is_code(column: Cells) -> bool:
    """Whether the cells are text with leading zeros ("00501"): numbers by their digits only, and text by intent."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    return any(isinstance(value, str) and _LEADING_ZERO.fullmatch(value) for value in pd.unique(column.astype(object)))


def nested_example(column: Cells) -> object | None:
    """A list, dict or other container that a cell holds; None where every cell is a plain value."""
    if column.dtype != object:
        return None
    return next((value for value in column if isinstance(value, (list, tuple, dict, set, np.ndarray))), None)


def _mapped(column: Cells, render: _Render) -> Cells:
    codes, uniques = pd.factorize(column.astype(object))
    rendered = np.array([*(render(value) for value in uniques), np.nan], dtype=object)
    return pd.Series(rendered[codes], index=column.index, name=column.name, dtype=object)


def _rendered(value: object, *, fold_booleans: bool) -> object:
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating, Decimal)):
        number = float(value)
        return str(int(number)) if number.is_integer() else repr(number)
    written = str(value)
    stripped = written.strip().lower()
    if stripped in TEXT_MISSING:
        return np.nan
    if fold_booleans and stripped in ("true", "false"):
        return stripped.capitalize()
    return written.partition(".")[0] if _WHOLE_FLOAT.fullmatch(written) else written


def _all_numbers(cells: Cells) -> Floats | None:
    """The cells as float64 where each is missing or a number; None where any needs a closer look. Many times faster than that look."""
    try:
        found = cells.to_numpy(dtype=object).astype(np.float64)
    except (ValueError, TypeError):
        return None
    return None if any(isinstance(value, str) and "_" in value for value in cells) else found


def _parsed(value: object) -> float | None:
    if isinstance(value, (bool, np.bool_)):
        return float(value)
    if isinstance(value, (int, float, np.integer, np.floating, Decimal)):
        return float(value)
    if not isinstance(value, str):
        return None
    stripped = value.strip()
    if stripped.lower() in NUMBER_MISSING:
        return math.nan
    try:
        # float() also takes "1_000", which no data file means as a number.
        return None if "_" in stripped else float(stripped)
    except ValueError:
        return None
