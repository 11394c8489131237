"""Outcomes and outputs as they arrive, brought into the form that measurements take; what cannot be used is counted in words."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.lifecycle.schema import Schema, Task

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

NAMED = 3
"""Wrong outcomes that are named before the rest are only counted."""
LONGEST = 40
"""Characters of a wrong outcome that are shown: somebody else wrote it."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Rows with a usable output and outcome. `kept`: which rows those are; `y`: encoded labels or targets of the kept rows."""

    kept: Mask
    outputs: Floats
    y: Floats | Ints
    problems: tuple[str, ...]

    def of(self, values: Any) -> Any:
        """The kept rows of a column, or None where there is no column."""
        return None if values is None else np.asarray(values)[self.kept]


def matched(schema: Schema, outputs: Any, truths: Iterable[Any]) -> Matched:
    """The rows that can be measured. Neither a third class, a text in place of a number nor a null output raises anything."""
    said, given = as_outputs(schema, outputs), list(truths)
    if len(said) != len(given):
        raise ValueError(f"{len(said)} outputs and {len(given)} outcomes are not of the same rows")
    read = [_number(value) for value in given] if schema.task is Task.REGRESSION else _labels(given, schema.classes)
    known = np.array([value is not None for value in read], dtype=np.bool_)
    answered = complete(said)
    kept = known & answered
    wanted = [value for value, keep in zip(read, kept, strict=True) if keep and value is not None]
    y: Floats | Ints = np.array(wanted, dtype=np.float64)
    y = y if schema.task is Task.REGRESSION else y.astype(np.int64)
    return Matched(kept, said[kept], y, (*_wrong(given, known, schema), *_null(answered)))


def as_outputs(schema: Schema, outputs: Any) -> Floats:
    """Outputs as float64, shape (n,) or (n, classes). A row that is None, empty, of the wrong length or no number is NaN."""
    width = len(schema.classes)
    shape = (len(outputs),) if schema.task is Task.REGRESSION else (len(outputs), width)
    if isinstance(outputs, np.ndarray) and outputs.dtype.kind == "f" and outputs.shape == shape:
        return outputs.astype(np.float64, copy=False)
    found = np.full(shape, np.nan)
    for row, value in enumerate(outputs):
        read = _number(value) if schema.task is Task.REGRESSION else _probabilities(value, width)
        if read is not None:
            found[row] = read
    return found


def complete(outputs: Floats) -> Mask:
    """Which rows hold finite numbers only, and as probabilities something to rank."""
    finite = np.isfinite(outputs)
    return np.asarray(finite if outputs.ndim == 1 else finite.all(axis=1), dtype=np.bool_)


def _probabilities(value: Any, width: int) -> list[float] | None:
    if value is None or isinstance(value, (str, bytes, float, int)):
        return None
    read = [_number(part) for part in value]
    return [part for part in read if part is not None] if len(read) == width and None not in read else None


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _labels(values: Sequence[Any], classes: Sequence[str]) -> list[int | None]:
    places = {name: place for place, name in enumerate(classes)}
    return [next((places[name] for name in _spellings(value) if name in places), None) for value in values]


def _spellings(value: Any) -> tuple[str, ...]:
    """How a label may be written: 1, 1.0 and "1" are one class."""
    if isinstance(value, (bool, np.bool_)):
        return str(value), str(value).lower(), str(int(value))
    if isinstance(value, (int, float, np.integer, np.floating)) and math.isfinite(value):
        return (str(int(value)), str(float(value))) if float(value).is_integer() else (str(value),)
    return (value,) if isinstance(value, str) else ()


def _wrong(given: Sequence[Any], known: Mask, schema: Schema) -> tuple[str, ...]:
    count = int((~known).sum())
    if not count:
        return ()
    names = dict.fromkeys(_shown(value) for value, fits in zip(given, known, strict=True) if not fits)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    what = "no finite number" if schema.task is Task.REGRESSION else "none of the version's classes"
    verb = "is" if count == 1 else "are"
    return (f"{count} of {len(given)} outcomes {verb} {what}: {', '.join(list(names)[:NAMED])}{more}; those rows are left out",)


def _shown(value: Any) -> str:
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _null(answered: Mask) -> tuple[str, ...]:
    count = int((~answered).sum())
    return (f"{count} of {len(answered)} outputs are null; those rows are left out",) if count else ()
