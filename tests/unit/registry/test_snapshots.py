import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Task
from driftgate.registry.snapshots import conformed, read, snapshot_of, write
from tests.builders import a_schema


@pytest.fixture
def schema():
    return a_schema(entity="client", time="at")


@pytest.fixture
def rows():
    return pd.DataFrame(
        {
            "churned": ["no", "yes", "no"],
            "plan": ["pro", None, "basic"],
            "at": pd.to_datetime(["2026-01-01T01:00:00+01:00", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"], utc=True),
            "client": [1, 2, 3],
            "score": [1, 2, 3],
            "extra": [7, 8, 9],
        }
    )


def test_a_written_frame_is_read_back_conformed(tmp_path, schema, rows):
    write(rows, schema, tmp_path / "train.parquet")

    frame = read(tmp_path / "train.parquet", schema)

    assert list(frame.columns) == ["score", "plan", "churned", "client", "at", "extra"]
    assert [str(kind) for kind in frame.dtypes][:5] == ["float64", "object", "object", "object", "datetime64[ns]"]
    assert isinstance(frame["plan"][1], float)
    assert np.isnan(frame["plan"][1])
    assert frame["client"].tolist() == ["1", "2", "3"]
    assert frame["at"][0] == pd.Timestamp("2026-01-01")


def test_a_column_of_nothing_but_missing_values_survives(tmp_path, schema, rows):
    rows["plan"], rows["score"] = None, np.nan

    write(rows, schema, tmp_path / "train.parquet")
    frame = read(tmp_path / "train.parquet", schema)

    assert frame[["plan", "score"]].isna().all(axis=None)
    assert [str(kind) for kind in frame[["score", "plan"]].dtypes] == ["float64", "object"]


def test_a_regression_target_is_a_number(rows):
    frame = conformed(rows.assign(churned=[1, 2, 3]), a_schema(Task.REGRESSION))

    assert frame["churned"].dtype == np.float64


def test_columns_of_the_schema_that_are_missing_are_named(schema, rows):
    with pytest.raises(InvalidData, match="score, client") as caught:
        conformed(rows.drop(columns=["score", "client"]), schema)
    assert caught.value.field == "score"


def test_equal_rows_have_equal_digests_and_each_part_counts(tmp_path, schema, rows):
    for name, train in (("one", rows), ("same", rows), ("other", rows.head(2))):
        (tmp_path / name).mkdir()
        write(train, schema, tmp_path / name / "train.parquet")
        write(rows, schema, tmp_path / name / "holdout.parquet")

    one, same, other = (snapshot_of(tmp_path / name) for name in ("one", "same", "other"))

    assert one == same
    assert (one.sha256 != other.sha256, one.holdout_sha256 == other.holdout_sha256) == (True, True)
    assert (other.train_rows, other.holdout_rows) == (2, 3)


def test_a_part_that_is_missing_or_no_parquet_is_named(tmp_path, schema, rows):
    write(rows, schema, tmp_path / "train.parquet")
    with pytest.raises(InvalidData, match=r"no holdout\.parquet"):
        snapshot_of(tmp_path)

    (tmp_path / "holdout.parquet").write_text("rows")
    with pytest.raises(InvalidData, match="not a Parquet file"):
        snapshot_of(tmp_path)
