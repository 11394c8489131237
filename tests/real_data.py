"""The real data sets, in the folder that DRIFTGATE_TEST_DATA names; whoever needs one that is not there is skipped."""

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

DATA = Path(os.environ.get("DRIFTGATE_TEST_DATA", Path(__file__).parents[1] / ".." / "shared" / "data")).resolve()


def data(name: str) -> Path:
    """The file of that name."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{path} is not here: set DRIFTGATE_TEST_DATA to the folder of the real data sets")
    return path


def real(name: str, **options: Any) -> pd.DataFrame:
    """Its rows, as pandas reads them with these options."""
    return pd.read_csv(data(name), **options)
