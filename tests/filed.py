"""Frames as Parquet files, for fakes of what keeps snapshots."""

import tempfile
from pathlib import Path
from uuid import uuid4

import pandas as pd

_FOLDER = tempfile.TemporaryDirectory(prefix="driftgate-snapshots-")


def filed(frame: pd.DataFrame) -> Path:
    """The rows in a file that lives as long as the test process."""
    path = Path(_FOLDER.name) / f"{uuid4().hex}.parquet"
    frame.to_parquet(path, index=False)
    return path
