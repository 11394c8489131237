import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.plan import Source
from driftgate.training import sources

ROWS = pd.DataFrame({"name": [f"n{place}" for place in range(10)], "age": range(10)})


def written(folder: Path, form: str, rows: pd.DataFrame = ROWS) -> Source:
    match form:
        case "csv":
            rows.to_csv(folder / "rows.csv", index=False)
        case "csv.gz":
            rows.to_csv(folder / "rows.csv", index=False, compression="gzip")
        case "parquet":
            rows.set_index("name").reset_index().to_parquet(folder / "rows.csv")
        case _:
            connection = sqlite3.connect(folder / "rows.db")
            rows.to_sql("rows", connection, index=False)
            connection.close()
            return Source(url="sqlite:///rows.db", query="SELECT * FROM rows ORDER BY age")
    return Source(path="rows.csv")


@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet", "sql"])
@pytest.mark.parametrize(("size", "sizes"), [(4, [4, 4, 2]), (5, [5, 5]), (10, [10]), (100, [10])])
def test_chunks_together_are_the_rows_in_order(form: str, size: int, sizes: list[int], tmp_path: Path) -> None:
    source = written(tmp_path, form)

    chunks = list(sources.chunks(source, tmp_path, size))

    assert [len(chunk) for chunk in chunks] == sizes
    pd.testing.assert_frame_equal(pd.concat(chunks, ignore_index=True), sources.read(source, tmp_path), check_dtype=False)


AWKWARD = {
    "quotes": 'a,b\n"x, ""y""\nz",1\nplain,\n\n"",2\n',
    "blanks": "a  b\n 1\t 2 \n3   4\n",
    "short": "a,b,c\n1\n2,3\n",
    "trailing": "a,b\n1,2,\n3,4,\n",
    "semicolons": "a;b;\n1;2;3\n",
    "windows": "a,b\r\n1,2\r\n",
}


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_awkward_files_give_the_same_cells_in_chunks_as_at_once(text: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(text.encode("utf-8-sig"))
    source = Source(path="rows.csv")

    chunks = list(sources.chunks(source, tmp_path, 1))

    pd.testing.assert_frame_equal(pd.concat(chunks, ignore_index=True), sources.read(source, tmp_path), check_dtype=False)


@pytest.mark.parametrize("form", ["csv", "parquet", "sql"])
def test_a_source_without_rows_is_refused(form: str, tmp_path: Path) -> None:
    source = written(tmp_path, form, ROWS.head(0))

    with pytest.raises(InvalidData, match="no rows"):
        list(sources.chunks(source, tmp_path, 5))


@pytest.mark.parametrize("before", range(1, 13))
def test_a_line_that_is_too_wide_is_refused_wherever_it_stands_in_a_chunk(before: int, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n" + "1,2\n" * before + "1,2,3\n" + "1,2\n" * 3)

    with pytest.raises(InvalidData, match="cannot be read"):
        list(sources.chunks(Source(path="rows.csv"), tmp_path, 5))


def test_chunks_before_a_line_that_cannot_be_read_are_given(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n" + "1,2\n" * 100_000 + "1,2,3\n")

    first = next(sources.chunks(Source(path="rows.csv"), tmp_path, 5))

    assert first.to_numpy().tolist() == [["1", "2"]] * 5
