import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.reports.profiles.frame import VersionProfile, outputs_profile, profile
from driftgate.reports.profiles.storing import KEY, read, write

SCHEMA = Schema(
    Task.BINARY,
    target="y",
    columns=(
        Column("x", ColumnKind.NUMERIC),
        Column("cut", ColumnKind.NUMERIC),
        Column("plan", ColumnKind.CATEGORICAL),
        Column("id", ColumnKind.CATEGORICAL),
        Column("gone", ColumnKind.CATEGORICAL),
    ),
    classes=("no", "yes"),
    entity="who",
)


def a_profile(**changes):
    rng = np.random.default_rng(0)
    count = 13_000
    x = np.where(np.arange(count) % 3 == 0, np.nan, rng.integers(0, 50, count) * 1e300)
    frame = pd.DataFrame({"x": x, "cut": rng.normal(size=count), "plan": rng.choice(["a", "", "\u00e9 \u0000"], count)})
    frame["id"] = [f"u{at}" for at in range(count)]
    frame = frame.assign(who=np.arange(count) // 2, extra=1)
    made = {
        "data": profile(frame, SCHEMA, lossless=1_000),
        "predictions": outputs_profile(SCHEMA, rng.random((9, 2)), entities=pd.Series(["a"] * 9)),
        "snapshot_sha256": "ab" * 32,
    }
    return VersionProfile(**{**made, **changes})


@pytest.fixture(scope="module")
def kept():
    return a_profile()


def test_a_profile_is_read_as_it_was_written(kept, tmp_path):
    write(kept, tmp_path / "p.parquet")

    found = read(tmp_path / "p.parquet")

    assert found == kept
    assert list(found.data.columns) == list(SCHEMA.features)
    assert found.data.independent is not None
    assert found.predictions.independent.rows == 1
    assert not found.data.columns["cut"].exact
    assert found.data.columns["id"].sketch == kept.data.columns["id"].sketch is not None
    assert (found.data.lost, found.data.new) == (("gone",), ("extra",))


def test_a_profile_that_was_read_can_be_merged_on(kept, tmp_path):
    write(kept, tmp_path / "p.parquet")

    found = read(tmp_path / "p.parquet")

    assert found.data.merged(found.data) == kept.data.merged(kept.data)


def test_the_least_profile_is_kept_too(tmp_path):
    empty = profile(pd.DataFrame(), Schema(Task.REGRESSION, "y", ()))
    least = VersionProfile(empty, None, "")

    write(least, tmp_path / "p.parquet")

    assert read(tmp_path / "p.parquet") == least


def test_equal_profiles_give_equal_bytes(kept, tmp_path):
    write(kept, tmp_path / "a.parquet")
    write(a_profile(), tmp_path / "b.parquet")
    write(read(tmp_path / "a.parquet"), tmp_path / "c.parquet")

    assert len({(tmp_path / f"{name}.parquet").read_bytes() for name in "abc"}) == 1


@pytest.mark.parametrize("spoil", [b"", b"PAR1 not really PAR1", None])
def test_a_file_that_is_no_parquet_is_named(tmp_path, spoil):
    path = tmp_path / "p.parquet"
    if spoil is not None:
        path.write_bytes(spoil)

    with pytest.raises(InvalidData, match=r"p\.parquet is not a profile"):
        read(path)


def test_a_torn_file_is_named(kept, tmp_path):
    path = tmp_path / "p.parquet"
    write(kept, path)
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(InvalidData, match=r"p\.parquet is not a profile"):
        read(path)


def test_another_parquet_file_is_no_profile(tmp_path):
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "p.parquet")

    with pytest.raises(InvalidData, match="is not a profile"):
        read(tmp_path / "p.parquet")


def rewritten(kept, path, change, **said):
    """The file with its table changed, and what its metadata says."""
    write(kept, path)
    table = pq.read_table(path)
    facts = {**json.loads(table.schema.metadata[KEY]), **said}
    pq.write_table(change(table).replace_schema_metadata({KEY: json.dumps(facts)}), path)


def test_a_profile_of_another_release_is_refused(kept, tmp_path):
    rewritten(kept, tmp_path / "p.parquet", lambda table: table, format=2)

    with pytest.raises(InvalidData, match="another format than 1"):
        read(tmp_path / "p.parquet")


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.drop(["counts"]),
        lambda table: table.set_column(table.column_names.index("counts"), "counts", pa.nulls(len(table), pa.list_(pa.int64()))),
        lambda table: table.set_column(table.column_names.index("counts"), "counts", pa.array([[1]] * len(table))),
        lambda table: table.set_column(table.column_names.index("missing"), "missing", pa.array([7] * len(table))),
        lambda table: table.set_column(table.column_names.index("moments"), "moments", pa.array([[1.0]] * len(table))),
    ],
)
def test_a_profile_that_contradicts_itself_is_refused(kept, tmp_path, change):
    rewritten(kept, tmp_path / "p.parquet", change)

    with pytest.raises(InvalidData, match="damaged profile"):
        read(tmp_path / "p.parquet")


def test_a_profile_without_its_rows_is_refused(kept, tmp_path):
    rewritten(kept, tmp_path / "p.parquet", lambda table: table, parts={})

    with pytest.raises(InvalidData, match="damaged profile"):
        read(tmp_path / "p.parquet")
