"""The profile of a Parquet file, read by the column: a file larger than memory costs what its longest columns cost."""

from pathlib import Path
from typing import Any

import pandas as pd

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import ColumnKind, Schema
from driftgate.reports.profiles.categorical import MOST_LEVELS
from driftgate.reports.profiles.frame import FrameProfile, Source, assembled
from driftgate.reports.profiles.numeric import LOSSLESS


def profile_file(path: Path, schema: Schema, *, seed: int = 0, lossless: int = LOSSLESS, most_levels: int = MOST_LEVELS) -> FrameProfile:
    """The profile of the file's rows: that of the frame which the file holds, with no more than a few columns in memory at a time.

    The other arguments are those of `frame.profile`. Raises InvalidData where the file is no Parquet file.
    """
    from pyarrow import ArrowException
    from pyarrow.parquet import read_metadata, read_schema

    try:
        # The file's own names, not pandas' index columns: what is no feature is only named.
        source = Source(int(read_metadata(path).num_rows), tuple(read_schema(path).names), lambda name: _column(path, name, schema))
        return assembled(source, schema, seed=seed, lossless=lossless, most_levels=most_levels)
    except (ArrowException, OSError) as error:
        raise InvalidData(f"{path.name} cannot be read as a Parquet file: {error}") from error


def _column(path: Path, name: str, schema: Schema) -> pd.Series:
    from pyarrow.parquet import ParquetFile

    # The file keeps a text column as numbers of its levels; read so, no text is made of a million rows.
    coded = [name] if name in schema.named(ColumnKind.CATEGORICAL) else None
    with ParquetFile(path, read_dictionary=coded, memory_map=True) as file:
        found: Any = file.read(columns=[name], use_threads=False).column(0)
    series: pd.Series = found.to_pandas()
    return series
