"""The profile of a column of text: every level with its count, or the heavy ones of very many."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from driftgate.reports.profiles.moments import IntArray

MOST_LEVELS = 10_000
"""Levels up to which a profile holds every one."""
SKETCH_SIZE = 14
"""Base 2 logarithm of the sketch's map: it holds up to 12,288 levels."""
SKETCH_ERROR = 3.5 / 2**SKETCH_SIZE
"""The share of the rows that a count in a sketch can be short by, at most, however many sketches were merged."""


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalProfile:
    """How often each level occurs among the rows of a column.

    `missing`: rows without a value. `retyped`: rows whose value was not text and was read as its text. `levels` are sorted, `counts`
    (int64) are the rows on each, `rest` the rows on no listed level. `exact`: every level is listed with its true count, and `rest`
    is 0. Else `sketch` holds a frequent-items sketch, a listed level occurs at least as often as counted and at most `error` times
    more, and one that is not listed at most `error` times: whatever is heavier is listed. Arrays are read-only.
    """

    name: str
    rows: int
    missing: int
    retyped: int
    levels: tuple[str, ...]
    counts: IntArray
    rest: int = 0
    exact: bool = True
    error: int = 0
    sketch: bytes | None = None

    def __post_init__(self) -> None:
        self.counts.setflags(write=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CategoricalProfile):
            return NotImplemented
        return self._scalars() == other._scalars() and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash((self.name, self.rows, self.missing, self.levels))

    @property
    def held(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    def merged(self, other: "CategoricalProfile", *, most_levels: int = MOST_LEVELS) -> "CategoricalProfile":
        """The profile of the rows of both.

        Of two exact ones it equals the profile of all rows. Else the sketches are merged: the error stays within SKETCH_ERROR of the rows.
        """
        rows, missing, retyped = self.rows + other.rows, self.missing + other.missing, self.retyped + other.retyped
        if self.exact and other.exact:
            return of_counts(self.name, _added(self.table(), other.table()), missing=missing, retyped=retyped, most_levels=most_levels)
        return _sketched(self.name, rows, missing, retyped, _merged(self, other))

    def table(self) -> dict[str, int]:
        """The rows on each listed level, in order."""
        return dict(zip(self.levels, self.counts.tolist(), strict=True))

    def _scalars(self) -> tuple[object, ...]:
        return (self.name, self.rows, self.missing, self.retyped, self.levels, self.rest, self.exact, self.error, self.sketch)


def of_counts(
    name: str, counts: Mapping[str, int], *, missing: int, retyped: int = 0, most_levels: int = MOST_LEVELS
) -> CategoricalProfile:
    """The profile of a column in which each level occurs that often (at least once), beside rows without a value."""
    rows = sum(counts.values()) + missing
    if len(counts) > most_levels:
        return _sketched(name, rows, missing, retyped, _fed(_empty(), counts))
    levels = tuple(sorted(counts))
    return CategoricalProfile(name, rows, missing, retyped, levels, np.array([counts[level] for level in levels], dtype=np.int64))


def _added(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    total = dict(first)
    for level, count in second.items():
        total[level] = total.get(level, 0) + count
    return total


def _empty() -> Any:
    from datasketches import frequent_strings_sketch

    return frequent_strings_sketch(SKETCH_SIZE)


def _fed(sketch: Any, counts: Mapping[str, int]) -> Any:
    """The sketch after it took the levels, heaviest first: what it forgets are then the light ones. The order makes it repeatable."""
    for level, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        sketch.update(level, count)
    return sketch


def _merged(first: CategoricalProfile, second: CategoricalProfile) -> Any:
    from datasketches import frequent_strings_sketch

    if first.sketch is None:
        first, second = second, first
    sketch = frequent_strings_sketch.deserialize(first.sketch)
    if second.sketch is None:
        return _fed(sketch, second.table())
    sketch.merge(frequent_strings_sketch.deserialize(second.sketch))
    return sketch


def _sketched(name: str, rows: int, missing: int, retyped: int, sketch: Any) -> CategoricalProfile:
    """The profile that the sketch gives; counts are its lower bounds."""
    from datasketches import frequent_items_error_type

    found = sketch.get_frequent_items(frequent_items_error_type.NO_FALSE_NEGATIVES)
    listed = sorted((level, lower) for level, _, lower, _ in found if lower > 0)
    counts = np.array([lower for _, lower in listed], dtype=np.int64)
    return CategoricalProfile(
        name=name,
        rows=rows,
        missing=missing,
        retyped=retyped,
        levels=tuple(level for level, _ in listed),
        counts=counts,
        rest=rows - missing - int(counts.sum()),
        exact=False,
        error=max((upper - lower for _, _, lower, upper in found), default=0),
        sketch=bytes(sketch.serialize()),
    )
