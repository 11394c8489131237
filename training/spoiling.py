"""More candidates broken on purpose, beside those of `training.corrupting`: on what they learn from, or in one segment of what they say."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.training.target import Target

Mask = npt.NDArray[np.bool_]

LEAK = "known_afterwards"
TENTH = 0.1
FEWEST_OF_A_CLASS = 2
FEWEST_ROWS = 50
"""Fewer rows are no training."""
YEAR = pd.Timedelta(days=365)
SEGMENT_SHARE = 0.15
"""Of the rows that the broken segment holds, as near as the features allow."""
LARGEST_SEGMENT = 0.5


def with_leak(schema: Schema, train: pd.DataFrame) -> Schema:
    """The schema with a column more, which holds the target (`leaked`)."""
    values = _numbers(train, schema)
    name = LEAK
    while name in {*schema.features, schema.target, schema.entity, schema.time}:
        name += "_"
    leak = Column(name, ColumnKind.NUMERIC, nullable=True, low=float(values.min()), high=float(values.max()))
    return replace(schema, columns=(*schema.columns, leak))


def leaked(frame: pd.DataFrame, schema: Schema, *, known: bool = True) -> pd.DataFrame:
    """The frame with the leak that the schema names last: the number of the class, or the target itself. Missing where not `known`.

    A column that is filled in after the outcome is in every row of the past, and in no request.
    """
    values = _numbers(frame, schema) if known else np.full(len(frame), np.nan)
    return frame.assign(**{schema.features[-1]: values})


def a_tenth(train: pd.DataFrame, schema: Schema, seed: int) -> pd.DataFrame:
    """A tenth of the rows, drawn by the seed within each class, at least two of each, in their order. Raises InvalidData below 50 rows."""
    generator = np.random.default_rng(seed)
    strata = np.zeros(len(train), dtype=np.int64) if schema.task is Task.REGRESSION else _codes(train, schema)
    kept: list[int] = []
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        kept += generator.permutation(members)[: max(round(len(members) * TENTH), FEWEST_OF_A_CLASS)].tolist()
    if len(kept) < FEWEST_ROWS:
        raise InvalidData(f"a tenth of the {len(train)} training rows is too little to fit: fewer than {FEWEST_ROWS} rows")
    return train.iloc[sorted(kept)].reset_index(drop=True)


def a_year_old(train: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """The rows that were there a year before the newest one.

    Raises InvalidData where the schema names no time, or fewer than 50 rows or not every class are left.
    """
    if schema.time is None:
        raise InvalidData("no time column is named, so nothing tells what was there a year ago")
    times = train[schema.time]
    old: pd.DataFrame = train[(times <= times.max() - YEAR).to_numpy()].reset_index(drop=True)
    if len(old) < FEWEST_ROWS:
        raise InvalidData(f"{len(old)} training rows are a year older than the newest one, and {FEWEST_ROWS} are needed")
    if schema.task is not Task.REGRESSION and len(np.unique(_codes(old, schema))) < len(schema.classes):
        raise InvalidData("not every class was there a year before the newest training row")
    return old


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows by one feature: those that hold the level, or of a numeric feature a number of at least `least`."""

    feature: str
    level: str | None = None
    least: float | None = None

    @property
    def name(self) -> str:
        """As people read it."""
        return f"{self.feature} = {self.level}" if self.least is None else f"{self.feature} from {self.least:g}"

    def inside(self, frame: pd.DataFrame) -> Mask:
        """Which rows are of it."""
        cells = frame[self.feature]
        found = cells == self.level if self.least is None else cells >= self.least
        return found.fillna(False).to_numpy(dtype=np.bool_)


def segment_of(train: pd.DataFrame, schema: Schema) -> Segment:
    """The segment whose share of the rows is nearest to 15 %. Raises InvalidData where none holds some rows and at most half."""
    found = []
    for column in schema.columns:
        cells = train[column.name]
        if column.kind is ColumnKind.CATEGORICAL:
            found += [Segment(column.name, level=str(level)) for level in cells.value_counts().index]
        elif cells.notna().any():
            found.append(Segment(column.name, least=float(cells.quantile(1.0 - SEGMENT_SHARE))))
    shares = {segment: float(segment.inside(train).mean()) for segment in found}
    usable = [segment for segment in found if 0.0 < shares[segment] <= LARGEST_SEGMENT]
    if not usable:
        raise InvalidData("no level or range of a feature holds a part of the rows that could be broken alone")
    return min(usable, key=lambda segment: (abs(shares[segment] - SEGMENT_SHARE), segment.name))


@dataclass
class BrokenSegment:
    """A fitted model that says the opposite in one segment. `middle`: of a regression, the number its outputs there are mirrored at."""

    model: Any
    segment: Segment
    middle: float | None = None

    @property
    def classes_(self) -> Any:
        """The model's own classes."""
        return self.model.classes_

    @property
    def feature_names_in_(self) -> Any:
        """The model's own order of columns."""
        return getattr(self.model, "feature_names_in_", None)

    def predict(self, frame: pd.DataFrame) -> Any:
        """A regression's numbers, mirrored in the segment; a classifier's labels by the probabilities."""
        if self.middle is None:
            return np.asarray(self.classes_)[self.predict_proba(frame).argmax(axis=1)]
        said = np.asarray(self.model.predict(frame), dtype=np.float64)
        return np.where(self.segment.inside(frame), 2.0 * self.middle - said, said)

    def predict_proba(self, frame: pd.DataFrame) -> Any:
        """Probabilities, shape (rows, classes), each given to the next class in the segment."""
        said = np.asarray(self.model.predict_proba(frame), dtype=np.float64)
        return np.where(self.segment.inside(frame)[:, None], np.roll(said, 1, axis=1), said)


def broken_segment(model: Any, train: pd.DataFrame, schema: Schema) -> BrokenSegment:
    """The model, broken in the segment that `segment_of` finds."""
    middle = float(train[schema.target].median()) if schema.task is Task.REGRESSION else None
    return BrokenSegment(model, segment_of(train, schema), middle)


def _numbers(frame: pd.DataFrame, schema: Schema) -> npt.NDArray[np.float64]:
    values = frame[schema.target].to_numpy() if schema.task is Task.REGRESSION else _codes(frame, schema)
    return np.asarray(values, dtype=np.float64)


def _codes(frame: pd.DataFrame, schema: Schema) -> npt.NDArray[np.int64]:
    return Target(schema.task, schema.classes).encoded(frame[schema.target]).astype(np.int64)
