import gzip
import sqlite3

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from driftgate.lifecycle.errors import InvalidConfiguration, InvalidData, StoreUnavailable
from driftgate.lifecycle.plan import Source
from driftgate.training import delimited, sources


def _read(folder, content, name="data.csv", separator=None):
    (folder / name).write_bytes(content)
    return sources.read(Source(path=name, separator=separator), folder)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " "])
def test_the_separator_is_found(tmp_path, separator):
    lines = [separator.join(row) for row in (["age", "job", "y"], ["31", '"a"', "no"], ["45", '"b"', "yes"])]

    frame = _read(tmp_path, "\n".join(lines).encode())

    assert list(frame.columns) == ["age", "job", "y"]
    assert frame["age"].tolist() == ["31", "45"]
    assert frame["y"].tolist() == ["no", "yes"]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([",", ";", "\t", "|"]), st.integers(2, 6), st.integers(1, 20))
def test_a_table_of_words_is_split_at_its_separator(separator, width, height):
    head = "\n".join(separator.join(f"word {row}" for _ in range(width)) for row in range(height))

    assert delimited.sniff(head) == separator


def test_runs_of_blanks_separate_where_lines_start_with_one(tmp_path):
    frame = _read(tmp_path, b" id  date\n 00001 19970101\n 00002   19970102\n")

    assert frame["id"].tolist() == ["00001", "00002"]


def test_a_named_separator_wins(tmp_path):
    frame = _read(tmp_path, b"a,b;c\n1,2;3\n", separator=";")

    assert list(frame.columns) == ["a,b", "c"]


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"name,y\nJos\xc3\xa9,1\n"),
        b"\xef\xbb\xbfname,y\r\nJos\xc3\xa9,1\r\n",
        b"name,y\nJos\xe9,1\n",
        "name,y\nJosé,1\n".encode("utf-16"),
    ],
    ids=["gzip whatever the name", "mark and CRLF", "Latin-1", "UTF-16"],
)
def test_encodings_and_compression_are_found_by_content(tmp_path, content):
    frame = _read(tmp_path, content)

    assert frame.to_dict("list") == {"name": ["José"], "y": ["1"]}


def test_cells_stay_text_and_only_empty_ones_are_missing(tmp_path):
    frame = _read(tmp_path, b"a,b\n007,None\n,NA\n")

    assert frame["a"].iloc[0] == "007"
    assert frame["b"].tolist() == ["None", "NA"]
    assert frame["a"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"a,b,y\n", "header but no rows"),
        (b"a,b,a\n1,2,3\n", "more than one column named a"),
        (b"a, a ,y\n1,2,3\n", "more than one column named a"),
        (b"a,b\n1,2\n1,2,3,4\n", "cannot be read"),
        (b"a,b\n\x00\x01\x02", "binary"),
        (b"PK\x03\x04rest", "zip or Excel"),
        (b"\x1f\x8bbroken", "cannot be read"),
        (b"PAR1broken", "cannot be read as Parquet"),
    ],
)
def test_an_unusable_file_is_refused_with_its_reason(tmp_path, content, words):
    with pytest.raises(InvalidData, match=words):
        _read(tmp_path, content)


def test_a_missing_file_is_refused_with_the_place_looked_at(tmp_path):
    with pytest.raises(InvalidData, match=f"no file data/x.csv: looked for {tmp_path}"):
        sources.read(Source(path="data/x.csv"), tmp_path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(InvalidData, match="is a folder"):
        sources.read(Source(path="."), tmp_path)


def test_parquet_is_read_by_content_without_its_index(tmp_path):
    pd.DataFrame({"a": [1, 2], "y": ["n", "p"]}, index=[5, 9]).to_parquet(tmp_path / "data.bin")

    frame = sources.read(Source(path="data.bin"), tmp_path)

    assert list(frame.columns) == ["a", "y"]
    assert list(frame.index) == [0, 1]


def test_repeated_names_in_parquet_are_refused(tmp_path):
    parquet.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "d.parquet")

    with pytest.raises(InvalidData, match="more than one column named a"):
        sources.read(Source(path="d.parquet"), tmp_path)


@pytest.fixture
def database(tmp_path):
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("create table clients (age integer, y text)")
        connection.executemany("insert into clients values (?, ?)", [(31, "no"), (None, "yes")])
    connection.close()
    return tmp_path


def test_a_query_is_read_from_a_file_below_the_project(database):
    frame = sources.read(Source(url="sqlite:///shop.db", query="select * from clients"), database)

    assert list(frame.columns) == ["age", "y"]
    assert len(frame) == 2


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("select * from shops", "no such table"),
        ("select * from clients where age > 99", "no rows"),
        ("select age, y as age from clients", "more than one column named age"),
    ],
)
def test_an_unusable_query_is_refused_with_its_reason(database, query, words):
    with pytest.raises(InvalidData, match=words):
        sources.read(Source(url="sqlite:///shop.db", query=query), database)


def test_a_missing_sqlite_file_is_refused_and_not_created(tmp_path):
    with pytest.raises(InvalidData, match="no SQLite file"):
        sources.read(Source(url="sqlite:///shop.db", query="select 1"), tmp_path)

    assert not list(tmp_path.iterdir())


def test_a_database_that_does_not_answer_is_unavailable_and_its_password_unsaid(tmp_path):
    url = "postgresql+psycopg://ann:hush@127.0.0.1:1/shop?connect_timeout=1"

    with pytest.raises(StoreUnavailable) as caught:
        sources.read(Source(url=url, query="select 1"), tmp_path)

    assert "127.0.0.1" in caught.value.message
    assert "hush" not in caught.value.message
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("url", ["no url", "nosuchdb://ann:hush@host/db"])
def test_an_unusable_url_is_a_configuration_error(tmp_path, url):
    with pytest.raises(InvalidConfiguration) as caught:
        sources.read(Source(url=url, query="select 1"), tmp_path)

    assert "hush" not in caught.value.message


def test_the_description_names_the_bytes_and_hides_the_password(tmp_path):
    (tmp_path / "d.csv").write_bytes(b"a,y\n1,2\n")

    file = sources.describe(Source(path="d.csv"), tmp_path)
    query = sources.describe(Source(url="mysql+pymysql://ann:hush@host/db?password=hush", query="select 1"), tmp_path)

    assert file.startswith("d.csv (sha256 ")
    assert query == "mysql+pymysql://ann:***@host/db: select 1"
