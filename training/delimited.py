"""Delimited text files: which separator, which encoding, which header, and then the rows, every cell as text."""

import codecs
import csv
import gzip
import io
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import numpy as np
import pandas as pd

from driftgate.lifecycle.errors import InvalidData

WHITESPACE = "whitespace"
"""The separator that stands for any run of blanks."""

_SEPARATORS = (",", ";", "\t", "|")
_SNIFFED_BYTES = 1 << 16
_SNIFFED_LINES = 50
_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"


class _Layout(NamedTuple):
    encoding: str
    separator: str
    names: list[str]


def read(path: Path, separator: str | None) -> pd.DataFrame:
    """The rows of the file, every cell str, empty cells NaN; plain or gzip by its content.

    Raises InvalidData where the file is empty, has a header only, repeats a column name, or cannot be read.
    """
    with _reading(path):
        layout = _layout(path, separator)
        with _open(path) as stream, _strict_width():
            frame = pd.read_csv(stream, **_options(layout))
        return _named(frame, path, layout)


def chunks(path: Path, separator: str | None, rows: int) -> Iterator[pd.DataFrame]:
    """Like `read`, at most so many rows at a time; a line that cannot be read raises InvalidData only when its rows are reached."""
    with _reading(path):
        layout = _layout(path, separator)
        # Not pandas' own chunks: those cut a wide line without a word where it is the first of one.
        with _open(path) as raw, io.TextIOWrapper(raw, layout.encoding, newline="") as stream:
            lines = _lines(path, stream, layout)
            empty = True
            while found := list(islice(lines, rows)):
                empty = False
                frame = pd.DataFrame(found, columns=_unique(layout), dtype=object)
                yield frame.where(frame.notna() & (frame != ""), np.nan)
        if empty:
            raise InvalidData(f"{path} has a header but no rows")


def _lines(path: Path, stream: IO[str], layout: _Layout) -> Iterator[list[str]]:
    """The lines after the header, each with a cell for every column."""
    width = len(layout.names)
    if layout.separator == WHITESPACE:
        reader = csv.reader((line.strip().replace("\t", " ") for line in stream), delimiter=" ", skipinitialspace=True)
    else:
        reader = csv.reader(stream, delimiter=layout.separator)
    present = (cells for cells in reader if cells)
    next(present, None)
    for cells in present:
        if any(cells[width:]):
            raise InvalidData(f"{path} cannot be read: line {reader.line_num} has {len(cells)} cells, and the header {width}")
        yield [*cells[:width], *[""] * (width - len(cells))]


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, UnicodeError, csv.Error, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise InvalidData(f"{path} cannot be read as delimited text: {_first_line(error)}") from error


def _layout(path: Path, separator: str | None) -> _Layout:
    encoding = _encoding(path)
    head = _head(path, encoding)
    if not head.strip():
        raise InvalidData(f"{path} is empty: it needs a header line and rows")
    found = separator or sniff(head)
    names = header(head, found)
    _no_repeats(path, names)
    return _Layout(encoding, found, names)


def sniff(head: str) -> str:
    """The separator that splits the most lines into the same number (two or more) of cells, most cells first; a comma where none does."""
    best, best_score = ",", (0.0, 1)
    for separator in (*_SEPARATORS, WHITESPACE):
        counts = Counter(len(row) for row in _cells(head, separator) if row)
        width = len(next(iter(_cells(head, separator)), []))
        if width < 2:  # noqa: PLR2004 - one cell a line means that nothing was separated
            continue
        score = (round(counts[width] / counts.total(), 2), width)
        # Blanks occur inside cells, so they win only where no other separator splits the header.
        if score > best_score and not (separator == WHITESPACE and best_score[1] > 1):
            best, best_score = separator, score
    return best


def header(head: str, separator: str) -> list[str]:
    """The column names of the first line, stripped."""
    return [name.strip() for name in next(iter(_cells(head, separator)))]


def _cells(head: str, separator: str) -> list[list[str]]:
    lines = [line for line in head.splitlines() if line.strip()][:_SNIFFED_LINES]
    if separator == WHITESPACE:
        stripped = (line.strip().replace("\t", " ") for line in lines)
        return list(csv.reader(stripped, delimiter=" ", skipinitialspace=True))
    return list(csv.reader(io.StringIO("\n".join(lines)), delimiter=separator))


def _no_repeats(path: Path, names: list[str]) -> None:
    repeated = sorted(name for name, count in Counter(name for name in names if name).items() if count > 1)
    if repeated:
        raise InvalidData(f"{path} has more than one column named {', '.join(repeated)}: rename or remove the repeats", field=repeated[0])


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as raw:
        zipped = raw.read(2) == _GZIP
    return cast("IO[bytes]", gzip.open(path, "rb")) if zipped else path.open("rb")


def _encoding(path: Path) -> str:
    """UTF-8 (a byte order mark is skipped), UTF-16 where its mark says so, else Latin-1, which reads any byte."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _open(path) as stream:
        first = chunk = stream.read(_CHUNK)
        if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if b"\x00" in first:
            raise InvalidData(f"{path} is a binary file: CSV (plain or gzip) and Parquet are read")
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = stream.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8-sig"


def _head(path: Path, encoding: str) -> str:
    with _open(path) as stream:
        raw = stream.read(_SNIFFED_BYTES)
    whole = len(raw) < _SNIFFED_BYTES
    decoded = raw.decode(encoding, errors="ignore")
    # A line cut by the sniffing limit would look short of cells.
    return decoded if whole or "\n" not in decoded else decoded[: decoded.rindex("\n")]


@contextmanager
def _strict_width() -> Iterator[None]:
    # pandas only warns where rows are longer than the header and would cut them.
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        yield


def _options(layout: _Layout) -> dict[str, Any]:
    return {
        "sep": r"\s+" if layout.separator == WHITESPACE else layout.separator,
        "encoding": layout.encoding,
        "header": 0,
        "dtype": str,
        "keep_default_na": False,
        "na_values": [""],
        "skip_blank_lines": True,
        "index_col": False,
    }


def _named(frame: pd.DataFrame, path: Path, layout: _Layout) -> pd.DataFrame:
    if frame.empty:
        raise InvalidData(f"{path} has a header but no rows")
    if len(frame.columns) != len(layout.names):
        raise InvalidData(f"{path} has {len(layout.names)} column names but rows of {len(frame.columns)} cells")
    return frame.set_axis(_unique(layout), axis="columns")


def _unique(layout: _Layout) -> list[str]:
    return [name or f"unnamed_{position}" for position, name in enumerate(layout.names)]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
