"""A version's profile as one Parquet file: a row for each column of each part, the rest as metadata."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from driftgate.lifecycle.errors import InvalidData
from driftgate.reports.profiles.categorical import CategoricalProfile
from driftgate.reports.profiles.frame import FrameProfile, VersionProfile
from driftgate.reports.profiles.moments import Moments
from driftgate.reports.profiles.numeric import NumericProfile
from driftgate.reports.profiles.reading import ColumnProfile

FORMAT = 1
"""Of the file; a reader takes no other."""
KEY = b"driftgate.profile"
DATA = "data"
PREDICTIONS = "predictions"
INDEPENDENT = "/independent"
NUMERIC = "numeric"
CATEGORICAL = "categorical"


def write(profile: VersionProfile, path: Path) -> None:
    """Writes the profile; the same profile gives the same bytes with the same pyarrow."""
    import pyarrow as pa
    from pyarrow.parquet import write_table

    parts = dict(_parts(profile))
    said = {
        "format": FORMAT,
        "snapshot_sha256": profile.snapshot_sha256,
        "parts": {name: {"rows": part.rows, "lost": part.lost, "new": part.new} for name, part in parts.items()},
    }
    rows = [{"part": name, **_row(column)} for name, part in parts.items() for column in part.columns.values()]
    table = pa.Table.from_pylist(rows, schema=_layout().with_metadata({KEY: json.dumps(said, sort_keys=True)}))
    # Doubles compress better byte by byte; a dictionary of values that are all distinct only costs.
    spread = {"values.list.element": "BYTE_STREAM_SPLIT"}
    write_table(table, path, compression="zstd", use_dictionary=False, column_encoding=spread, write_statistics=False)


def read(path: Path) -> VersionProfile:
    """The profile that `write` wrote. Raises InvalidData where the file is not one, is damaged, or has another format."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        # Not by read_table, which reads data sets too and imports pandas for that.
        with ParquetFile(path) as file:
            table = file.read()
        said = json.loads((table.schema.metadata or {})[KEY])
    except (ArrowException, OSError, KeyError, ValueError) as error:
        raise InvalidData(f"{path.name} is not a profile: {error}") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise InvalidData(f"{path.name} is a profile of another format than {FORMAT}: it was written by another release; make it anew")
    try:
        parts = {name: _part(table, name, facts) for name, facts in said["parts"].items()}
        return VersionProfile(_whole(parts, DATA), _whole(parts, PREDICTIONS) if PREDICTIONS in parts else None, said["snapshot_sha256"])
    except (ArrowException, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidData(f"{path.name} is a damaged profile: {error!r}") from error


def _parts(profile: VersionProfile) -> Iterator[tuple[str, FrameProfile]]:
    for name, part in ((DATA, profile.data), (PREDICTIONS, profile.predictions)):
        if part is not None:
            yield name, part
            if part.independent is not None:
                yield name + INDEPENDENT, part.independent


def _layout() -> Any:
    import pyarrow as pa

    whole = ("rows", "missing", "infinite", "unreadable", "retyped", "rest", "error")
    return pa.schema(
        [
            ("part", pa.string()),
            ("name", pa.string()),
            ("kind", pa.string()),
            *((name, pa.int64()) for name in whole),
            ("exact", pa.bool_()),
            ("values", pa.list_(pa.float64())),
            ("levels", pa.list_(pa.string())),
            ("counts", pa.list_(pa.int64())),
            ("moments", pa.list_(pa.float64())),
            ("sketch", pa.binary()),
        ]
    )


def _row(column: ColumnProfile) -> dict[str, Any]:
    shared = {"name": column.name, "rows": column.rows, "missing": column.missing, "exact": column.exact, "error": column.error}
    if isinstance(column, NumericProfile):
        bad = {"infinite": column.infinite, "unreadable": column.unreadable, "moments": column.moments.parts[1:]}
        return {**shared, **bad, "kind": NUMERIC, "values": column.values, "counts": column.counts}
    more = {"retyped": column.retyped, "rest": column.rest, "sketch": column.sketch}
    return {**shared, **more, "kind": CATEGORICAL, "levels": column.levels, "counts": column.counts}


def _part(table: Any, name: str, facts: Mapping[str, Any]) -> FrameProfile:
    positions = [at for at, part in enumerate(table.column("part").to_pylist()) if part == name]
    columns = [_column({field: table.column(field)[at] for field in table.column_names}) for at in positions]
    return FrameProfile(facts["rows"], {column.name: column for column in columns}, tuple(facts["lost"]), tuple(facts["new"]))


def _column(row: Mapping[str, Any]) -> ColumnProfile:
    counts = _array(row["counts"])
    number = {name: row[name].as_py() for name in ("name", "rows", "missing", "exact", "error")}
    if row["kind"].as_py() == NUMERIC:
        values = _array(row["values"])
        _check(len(values), len(counts))
        mean, m2, m3, m4, low, high = row["moments"].as_py()
        found = NumericProfile(
            **number,
            infinite=row["infinite"].as_py(),
            unreadable=row["unreadable"].as_py(),
            values=values,
            counts=counts,
            moments=Moments(int(counts.sum()), mean, m2, m3, m4, low, high),
        )
        _check(found.held, found.moments.count)
        return found
    levels = tuple(row["levels"].as_py())
    _check(len(levels), len(counts))
    rest = row["rest"].as_py()
    profile = CategoricalProfile(
        **number, retyped=row["retyped"].as_py(), levels=levels, counts=counts, rest=rest, sketch=row["sketch"].as_py()
    )
    _check(profile.held, int(counts.sum()) + rest)
    return profile


def _array(numbers: Any) -> Any:
    """The numbers of a list as an array over the same memory. Not by `to_numpy`, which imports pandas."""
    import numpy as np

    return np.from_dlpack(numbers.values)


def _check(found: int, expected: int) -> None:
    if found != expected:
        raise ValueError(f"{found} where {expected} belong")


def _whole(parts: Mapping[str, FrameProfile], name: str) -> FrameProfile:
    part = parts[name]
    return FrameProfile(part.rows, part.columns, part.lost, part.new, parts.get(name + INDEPENDENT))
