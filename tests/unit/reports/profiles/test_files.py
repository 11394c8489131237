import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.reports.profiles import frame as frames
from driftgate.reports.profiles.files import profile_file
from driftgate.reports.profiles.frame import profile

COLUMNS = (
    Column("x", ColumnKind.NUMERIC),
    Column("spelled", ColumnKind.NUMERIC),
    Column("plan", ColumnKind.CATEGORICAL),
    Column("counted", ColumnKind.CATEGORICAL),
    Column("gone", ColumnKind.CATEGORICAL),
)
SCHEMA = Schema(Task.BINARY, target="y", columns=COLUMNS, classes=("no", "yes"), entity="who")


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    found = pd.DataFrame(
        {
            "x": np.where(rng.random(300) < 0.1, np.nan, rng.normal(size=300)),
            "spelled": rng.choice(["1", "2.5", "none"], 300),
            "plan": rng.choice(["a", "b", None], 300),
            "counted": rng.integers(3, size=300),
            "y": "no",
            "who": rng.integers(200, size=300),
            "extra": 1,
        }
    )
    found.loc[:2, "x"] = [np.inf, -np.inf, -0.0]
    return found


@pytest.mark.parametrize("threaded", [False, True])
def test_the_profile_of_a_file_is_that_of_its_frame(tmp_path, rows, threaded, monkeypatch):
    if threaded:
        monkeypatch.setattr(frames, "THREADED_ROWS", 1)
    # Several row groups, each with a dictionary of its own.
    rows.to_parquet(tmp_path / "rows.parquet", row_group_size=70, index=False)

    found = profile_file(tmp_path / "rows.parquet", SCHEMA, seed=5)

    assert found == profile(rows, SCHEMA, seed=5)
    assert found.lost == ("gone",)
    assert found.new == ("extra",)
    assert found.independent is not None


def test_a_file_that_is_no_parquet_is_refused_by_name(tmp_path):
    (tmp_path / "rows.parquet").write_text("x\n1\n")

    with pytest.raises(InvalidData, match=r"rows\.parquet cannot be read as a Parquet file"):
        profile_file(tmp_path / "rows.parquet", SCHEMA)
