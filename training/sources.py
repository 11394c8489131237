"""Data sources: a CSV or Parquet file, or a SQL query, as one frame of raw columns."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from driftgate.lifecycle.errors import InvalidConfiguration, InvalidData, StoreUnavailable
from driftgate.lifecycle.plan import Source
from driftgate.training import delimited

_PARQUET = b"PAR1"
_ZIP = b"PK\x03\x04"


def read(source: Source, base: Path) -> pd.DataFrame:
    """The rows of the source, with unique column names and at least one row; cells of a CSV are text.

    `base` is the folder that relative paths (also of SQLite files) start from. Raises InvalidData where there is nothing usable,
    StoreUnavailable where the database does not answer, InvalidConfiguration where the source itself is wrong.
    """
    if source.url is not None:
        return _queried(source, base)
    path = _located(source, base)
    return _parquet(path) if _is_parquet(path) else delimited.read(path, source.separator)


def chunks(source: Source, base: Path, rows: int) -> Iterator[pd.DataFrame]:
    """Like `read`, at most so many rows at a time and never more in memory (of a database: where its driver streams)."""
    if source.url is not None:
        yield from _queried_chunks(source, base, rows)
        return
    path = _located(source, base)
    found = _parquet_chunks(path, rows) if _is_parquet(path) else delimited.chunks(path, source.separator, rows)
    for frame in found:
        yield _with_rows(frame, str(path))


def describe(source: Source, base: Path) -> str:
    """The source in words, without any password: the file as declared with the SHA-256 of its bytes, or the database and query."""
    if source.url is not None:
        return f"{_masked(source.url)}: {source.query}"
    return f"{source.path} (sha256 {fingerprint(source, base)})"


def fingerprint(source: Source, base: Path) -> str:
    """Hex SHA-256 of the file's bytes, or of the database (without password) and query, whose rows may change under it."""
    if source.url is not None:
        return hashlib.sha256(describe(source, base).encode()).hexdigest()
    with _located(source, base).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _located(source: Source, base: Path) -> Path:
    if not source.path:
        raise InvalidConfiguration("the data source names neither a file (path) nor a database (url and query)", field="data")
    path = (base / Path(source.path).expanduser()).resolve()
    if path.is_dir():
        raise InvalidData(f"{path} is a folder: name one CSV or Parquet file in it")
    if not path.exists():
        raise InvalidData(f"there is no file {source.path}: looked for {path}")
    try:
        empty = path.stat().st_size == 0
        with path.open("rb"):
            pass
    except OSError as error:
        raise InvalidData(f"{path} cannot be opened: {error.strerror}") from error
    if empty:
        raise InvalidData(f"{path} is empty: it needs a header line and rows")
    return path


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic == _ZIP:
        raise InvalidData(f"{path} is a zip or Excel file: save it as CSV (plain or gzip) or Parquet")
    return magic == _PARQUET


def _parquet(path: Path) -> pd.DataFrame:
    from pyarrow import parquet

    with _reading_parquet(path):
        # Reading a table with repeated names fails with a message that only says where it stumbled.
        _no_repeats(str(path), parquet.read_schema(path).names)
        frame = parquet.read_table(path).to_pandas(ignore_metadata=True)
    return _with_rows(_without_index(frame), str(path))


def _parquet_chunks(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    from pyarrow import parquet

    with _reading_parquet(path), parquet.ParquetFile(path) as file:
        _no_repeats(str(path), file.schema_arrow.names)
        if file.metadata.num_rows == 0:
            raise InvalidData(f"{path} has no rows")
        for batch in file.iter_batches(batch_size=rows):
            yield _without_index(batch.to_pandas(ignore_metadata=True))


@contextmanager
def _reading_parquet(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise InvalidData(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error


def _without_index(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[[name for name in frame.columns if not str(name).startswith("__index_level_")]]


def _queried(source: Source, base: Path) -> pd.DataFrame:
    (frame,) = _queried_chunks(source, base, None)
    return frame


def _queried_chunks(source: Source, base: Path, size: int | None) -> Iterator[pd.DataFrame]:
    from sqlalchemy import create_engine, exc, text

    if not source.query:
        raise InvalidConfiguration("a data source with a url needs a query", field="data.query")
    shown = _masked(source.url or "")
    try:
        engine = create_engine(_located_url(source.url or "", base))
    except (exc.ArgumentError, ImportError) as error:
        raise InvalidConfiguration(f"{shown} cannot be used: {_scrubbed(error, source.url or '')}", field="data.url") from None
    try:
        try:
            connection = engine.connect()
        except (exc.DBAPIError, OSError) as error:
            raise StoreUnavailable(f"the database {shown} does not answer: {_scrubbed(error, source.url or '')}") from None
        with connection:
            # Only for chunks: some drivers keep a streamed result's rows in a temporary table.
            streamed = connection if size is None else connection.execution_options(stream_results=True, max_row_buffer=size)
            result = streamed.execute(text(source.query))
            names = [str(name) for name in result.keys()]  # noqa: SIM118 - a result is no mapping
            _no_repeats("the query", names)
            parts = [result.fetchall()] if size is None else result.partitions(size)
            some = False
            for rows in parts:
                some = True
                yield _with_rows(pd.DataFrame.from_records([tuple(row) for row in rows], columns=names), "the query")
            if not some:
                raise InvalidData("the query has no rows")
    except exc.SQLAlchemyError as error:
        if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
            raise StoreUnavailable(f"the database {shown} stopped answering") from None
        raise InvalidData(f"the query on {shown} failed: {_scrubbed(error, source.url or '')}") from None
    finally:
        engine.dispose()


def _located_url(url: str, base: Path) -> str:
    """The URL with a relative SQLite file put below `base`. A missing one is refused: connecting would create it."""
    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:") or str(parsed.database).startswith("file:"):
        return url
    path = (base / str(parsed.database)).resolve()
    if not path.is_file():
        raise InvalidData(f"there is no SQLite file {parsed.database}: looked for {path}")
    return parsed.set(database=str(path)).render_as_string(hide_password=False)


def _masked(url: str) -> str:
    from sqlalchemy import exc
    from sqlalchemy.engine import make_url

    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        return "the url of the data source"
    # Some drivers take the password as a query parameter.
    return parsed.set(query={}).render_as_string(hide_password=True)


def _scrubbed(error: BaseException, url: str) -> str:
    """The first line of the error, with the password and the whole URL struck out."""
    from sqlalchemy import exc
    from sqlalchemy.engine import make_url

    origin = getattr(error, "orig", None) or error
    line = (str(origin).strip().splitlines() or [type(origin).__name__])[0].replace(url, "the url")
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        return "it is no SQLAlchemy URL such as postgresql+psycopg://user:password@host/database"
    secrets = [parsed.password, *(value for values in parsed.normalized_query.values() for value in values)]
    for secret in secrets:
        line = line.replace(str(secret), "***") if secret else line
    return line


def _no_repeats(where: str, names: Iterable[str]) -> None:
    repeated = sorted(name for name, count in Counter(str(name).strip() for name in names).items() if count > 1)
    if repeated:
        raise InvalidData(f"{where} has more than one column named {', '.join(repeated)}: rename or remove the repeats", field=repeated[0])


def _with_rows(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    if frame.empty:
        raise InvalidData(f"{where} has no rows")
    return frame.set_axis([str(name).strip() for name in frame.columns], axis="columns").reset_index(drop=True)
