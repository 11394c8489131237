"""A shorter way through the pipelines that Driftgate fits: from rows to the learner, without a frame.

Scoring one row through scikit-learn's ColumnTransformer takes milliseconds of Python, whatever the learner takes. What it does
to a column is simple, though: a number passes, or has its gap filled and is scaled; a category becomes codes that depend on
nothing else. So the codes of every known category, of a missing and of an unseen one are taken from the fitted transformer
itself, once, and looked up from then on. Whether that gives what the pipeline gives is not believed but tried, on rows made for
the purpose, and the short way is taken only where every output is the same to the last bit.
"""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from driftgate.lifecycle.instances import as_text
from driftgate.lifecycle.plan import Scalar
from driftgate.lifecycle.schema import Column, ColumnKind, Schema
from driftgate.registry.frames import frame_of

logger = logging.getLogger(__name__)

Rows: TypeAlias = Sequence[Mapping[str, Scalar]]
Direct: TypeAlias = Callable[[Rows], Any]
"""The outputs of a model's own `predict_proba` or `predict` for rows."""

UNSEEN = "\x00no category of the training data\x00"
TRIED_ROWS = 200
EXTREMES = (0.0, -1.0, 1e-300, 1e15, -1e15)


def direct(model: Any, schema: Schema) -> Direct | None:
    """The short way through the model; None where it is not a pipeline of ours, or where the two ways differ on any row tried."""
    try:
        way = _way(model, schema)
        return way if way is not None and _agree(way, model, schema) else None
    except Exception as error:  # noqa: BLE001 - the short way is a convenience: what fails while it is looked for must not fail the model
        # Somebody's own pipeline that merely looks like ours, or that cannot take the rows made up to try it.
        logger.debug("no short way through the model: %s", error)
        return None


@dataclass(frozen=True)
class _Numbers:
    """The numeric columns: filled with `fill`, less `mean`, over `scale`; each None where the pipeline does nothing of the kind."""

    names: tuple[str, ...]
    fill: Any = None
    mean: Any = None
    scale: Any = None

    def __call__(self, rows: Rows) -> Any:
        import numpy as np

        # None becomes NaN.
        values = np.array([[row.get(name) for name in self.names] for row in rows], dtype=np.float64)
        if self.fill is not None:
            values = np.where(np.isnan(values), self.fill, values)
        if self.mean is not None:
            values -= self.mean
        if self.scale is not None:
            values /= self.scale
        return values


@dataclass(frozen=True)
class _Categories:
    """The categorical columns: by column, the codes of each known value, of a missing one (None) and of any other."""

    codes: tuple[tuple[str, Mapping[str | None, tuple[float, ...]], tuple[float, ...]], ...]

    def __call__(self, rows: Rows) -> Any:
        import numpy as np

        return np.array([self._row(row) for row in rows], dtype=np.float64)

    def _row(self, row: Mapping[str, Scalar]) -> list[float]:
        found: list[float] = []
        for name, known, unseen in self.codes:
            value = row.get(name)
            found += known.get(value if value is None or isinstance(value, str) else as_text(value), unseen)
        return found


def _way(model: Any, schema: Schema) -> Direct | None:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    if not isinstance(model, Pipeline) or len(model.steps) != 2 or not isinstance(model.steps[0][1], ColumnTransformer):  # noqa: PLR2004
        return None
    prepare, learner = model.steps[0][1], model.steps[1][1]
    blocks = [_block(transformer, [str(name) for name in columns], schema) for name, transformer, columns in _transformers(prepare)]
    if not blocks or any(block is None for block in blocks):
        return None
    answer = learner.predict if not schema.classes else learner.predict_proba

    def way(rows: Rows) -> Any:
        import numpy as np

        return answer(np.hstack([block(rows) for block in blocks if block is not None]))

    return way


def _transformers(prepare: Any) -> Iterator[tuple[str, Any, Any]]:
    for name, transformer, columns in prepare.transformers_:
        if name != "remainder" and len(columns):
            yield name, transformer, columns


def _block(transformer: Any, names: list[str], schema: Schema) -> Callable[[Rows], Any] | None:
    """What the transformer does to the rows; None where it is none of those that Driftgate fits."""
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder

    kinds = {schema.column(name).kind for name in names}
    if kinds == {ColumnKind.CATEGORICAL} and isinstance(transformer, OneHotEncoder | OrdinalEncoder):
        return _categories(transformer, names, schema)
    if kinds != {ColumnKind.NUMERIC}:
        return None
    if isinstance(transformer, Pipeline):
        return _scaled(transformer, tuple(names))
    # A fitted "passthrough" is a function transformer without a function.
    passes = isinstance(transformer, FunctionTransformer) and transformer.func is None
    return _Numbers(tuple(names)) if passes or transformer == "passthrough" else None


def _scaled(steps: Any, names: tuple[str, ...]) -> _Numbers | None:
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    if [type(step) for _, step in steps.steps] != [SimpleImputer, StandardScaler]:
        return None
    impute, scale = (step for _, step in steps.steps)
    if impute.add_indicator or not (isinstance(impute.missing_values, float) and math.isnan(impute.missing_values)):
        return None
    return _Numbers(names, impute.statistics_, scale.mean_, scale.scale_)


def _categories(encoder: Any, names: list[str], schema: Schema) -> _Categories:
    """The codes, asked of the encoder: all columns at once, a row for each value of the longest."""
    import numpy as np
    import pandas as pd

    asked: list[list[str | None]] = [[None, UNSEEN, *_known(encoder, place, schema.column(name))] for place, name in enumerate(names)]
    longest = max(map(len, asked))
    frame = pd.DataFrame(
        {
            name: np.array([np.nan if value is None else value for value in (*values, *[UNSEEN] * (longest - len(values)))], dtype=object)
            for name, values in zip(names, asked, strict=True)
        }
    )
    coded = np.asarray(encoder.transform(frame), dtype=np.float64)
    widths = _widths(encoder, len(names), coded.shape[1])
    codes, start = [], 0
    for name, values, width in zip(names, asked, widths, strict=True):
        rows = [tuple(float(code) for code in row) for row in coded[: len(values), start : start + width]]
        known = dict(zip(values, rows, strict=True))
        unseen = known.pop(UNSEEN)
        codes.append((name, known, unseen))
        start += width
    return _Categories(tuple(codes))


def _known(encoder: Any, place: int, column: Column) -> list[str]:
    fitted = [value for value in encoder.categories_[place] if isinstance(value, str)]
    return sorted({*fitted, *column.levels})


def _widths(encoder: Any, columns: int, total: int) -> list[int]:
    """How many outputs each column has. Raises ValueError where they do not add up, as for an encoder that drops some."""
    from sklearn.preprocessing import OneHotEncoder

    widths = [1] * columns
    if isinstance(encoder, OneHotEncoder):
        # Without a limit on categories the encoder has no list of rare ones.
        rare = getattr(encoder, "infrequent_categories_", [None] * columns)
        widths = [len(known) - (0 if few is None else len(few) - 1) for known, few in zip(encoder.categories_, rare, strict=True)]
    if sum(widths) != total:
        raise ValueError(f"{total} outputs of {columns} columns cannot be told apart")
    return widths


def _agree(way: Direct, model: Any, schema: Schema) -> bool:
    """Whether both ways give the same bits for rows with every level, missing and unseen values, and numbers in and out of range."""
    import numpy as np

    rows = list(_tried(schema))
    frame = frame_of(rows, schema)
    expected = model.predict_proba(frame) if schema.classes else model.predict(frame)
    same = np.array_equal(np.asarray(expected), np.asarray(way(rows)), equal_nan=True)
    # One row alone may take another road through a learner than many.
    one = model.predict_proba(frame[:1]) if schema.classes else model.predict(frame[:1])
    same = same and np.array_equal(np.asarray(one), np.asarray(way(rows[:1])), equal_nan=True)
    if not same:
        logger.warning("the short way through the model gives other outputs: rows take the long one")
    return same


def _tried(schema: Schema) -> Iterator[dict[str, Scalar]]:
    import numpy as np

    chance = np.random.default_rng(0)
    levels = max([TRIED_ROWS, *(len(column.levels) for column in schema.columns)])
    for number in range(levels):
        yield {column.name: _value(column, number, chance) for column in schema.columns}


def _value(column: Column, number: int, chance: Any) -> Scalar:
    if column.nullable and chance.random() < 0.1:  # noqa: PLR2004 - a tenth is missing
        return None
    if column.kind is ColumnKind.CATEGORICAL:
        values = (*column.levels, UNSEEN)
        return values[(number + int(chance.integers(len(values)))) % len(values)] if number % 2 else values[number // 2 % len(values)]
    if chance.random() < 0.1:  # noqa: PLR2004 - a tenth is extreme
        return EXTREMES[int(chance.integers(len(EXTREMES)))]
    low, high = column.low or 0.0, column.high or 1.0
    return float(chance.uniform(low - 0.1 * (high - low), high + 0.1 * (high - low)))
