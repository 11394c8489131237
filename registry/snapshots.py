"""Snapshots as Parquet files: written once, digested, and read back as conformed frames."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import ColumnKind, Schema, Task
from driftgate.lifecycle.versions import Snapshot
from driftgate.registry.artifacts import file_sha256, manifest_sha256

if TYPE_CHECKING:
    import pandas as pd

TRAIN = "train.parquet"
HOLDOUT = "holdout.parquet"
FILES: Mapping[str, str] = {"train": TRAIN, "holdout": HOLDOUT}
"""The files of a snapshot by the name of their part."""


def snapshot_of(folder: Path) -> Snapshot:
    """The digests and row counts of the two files in the folder. Raises InvalidData where one is missing or unreadable."""
    train, holdout = file_sha256(_present(folder, TRAIN)), file_sha256(_present(folder, HOLDOUT))
    return Snapshot(
        sha256=manifest_sha256({TRAIN: train, HOLDOUT: holdout}),
        train_sha256=train,
        holdout_sha256=holdout,
        train_rows=_rows(folder / TRAIN),
        holdout_rows=_rows(folder / HOLDOUT),
    )


def _present(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise InvalidData(f"the snapshot has no {name}: {path} does not exist")
    return path


def _rows(path: Path) -> int:
    from pyarrow import ArrowInvalid
    from pyarrow.parquet import read_metadata

    try:
        return int(read_metadata(path).num_rows)
    except (ArrowInvalid, OSError) as error:
        raise InvalidData(f"{path.name} of the snapshot is not a Parquet file: {error}") from error


def write(frame: "pd.DataFrame", schema: Schema, path: Path) -> None:
    """Writes the rows, conformed, as Parquet."""
    conformed(frame, schema).to_parquet(path, index=False, engine="pyarrow")


def read(path: Path, schema: Schema) -> "pd.DataFrame":
    """The rows of the file in conformed types: features first, then target, entity and time, then whatever else it holds."""
    import pandas as pd

    return conformed(pd.read_parquet(path, engine="pyarrow"), schema)


def conformed(frame: "pd.DataFrame", schema: Schema) -> "pd.DataFrame":
    """The frame in conformed types: numeric float64, text objects with NaN where missing, time naive UTC in nanoseconds.

    Raises InvalidData naming the columns of the schema that are missing.
    """
    import pandas as pd

    named = [*schema.features, schema.target, *(name for name in (schema.entity, schema.time) if name)]
    missing = [name for name in named if name not in frame.columns]
    if missing:
        raise InvalidData(f"the snapshot lacks the columns {', '.join(missing)}", field=missing[0])
    extra = [name for name in frame.columns if name not in named]
    columns: dict[str, Any] = {name: _typed(frame[name], schema) for name in named}
    columns |= {str(name): frame[name] for name in extra}
    return pd.DataFrame(columns).reset_index(drop=True)


def _typed(column: "pd.Series[Any]", schema: Schema) -> "pd.Series[Any]":
    import numpy as np
    import pandas as pd

    name = str(column.name)
    if name == schema.time:
        return pd.to_datetime(column, utc=True).dt.tz_localize(None).astype("datetime64[ns]")
    if name == schema.target:
        numeric = schema.task is Task.REGRESSION
    else:
        numeric = name != schema.entity and schema.column(name).kind is ColumnKind.NUMERIC
    if numeric:
        return column.astype("float64")
    # Through a list: pandas 3 would infer its own string type for what is to stay an object column.
    missing = column.isna().to_numpy()
    texts = [np.nan if gone else str(value) for value, gone in zip(column.to_numpy(dtype=object), missing, strict=True)]
    return pd.Series(texts, index=column.index, dtype=object)
