"""Rows as requests hold them, brought into the frame that models take."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from driftgate.lifecycle.instances import as_text
from driftgate.lifecycle.plan import Scalar
from driftgate.lifecycle.schema import ColumnKind, Schema

if TYPE_CHECKING:
    import pandas as pd


def frame_of(rows: Sequence[Mapping[str, Scalar]], schema: Schema) -> "pd.DataFrame":
    """The rows as a conformed frame: float64 and text columns in the schema's order, missing values as NaN."""
    import numpy as np
    import pandas as pd

    columns: dict[str, object] = {}
    for column in schema.columns:
        values = [row.get(column.name) for row in rows]
        if column.kind is ColumnKind.NUMERIC:
            columns[column.name] = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        else:
            texts = [as_text(value) for value in values]
            columns[column.name] = np.array([np.nan if text is None else text for text in texts], dtype=object)
    return pd.DataFrame(columns, columns=list(schema.features))
