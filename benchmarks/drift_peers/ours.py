"""Our profile of a window and its verdict, against a snapshot's rows or its stored profile.

python -m benchmarks.drift_peers.ours REFERENCE CURRENT: every value of both sides, so that the scores are Evidently's to the last digits.
REFERENCE may be a stored profile instead (`profile` makes one). A few columns are in memory at a time.
"""

import sys
from pathlib import Path

from benchmarks.drift_peers.rows import measuring, names
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.reports.drift.measure import measure
from driftgate.reports.profiles import storing
from driftgate.reports.profiles.files import profile_file
from driftgate.reports.profiles.frame import VersionProfile
from driftgate.reports.profiles.numeric import LOSSLESS

EVERY_VALUE = 10**9
SNAPSHOT = "0" * 64


def schema() -> Schema:
    """The columns of the generated rows."""
    numbers = [Column(name, ColumnKind.NUMERIC, nullable=True) for name in names("number")]
    texts = [Column(name, ColumnKind.CATEGORICAL, nullable=True) for name in names("text")]
    return Schema(Task.BINARY, "target", (*numbers, *texts), ("no", "yes"))


def stored(file: Path, into: Path) -> None:
    """The profile of the file's rows, as a version keeps it."""
    storing.write(VersionProfile(profile_file(file, schema()), None, SNAPSHOT), into)


def main() -> None:
    """Prints seconds, peak memory, Evidently's score of each column and how many drifted."""
    reference, current = Path(sys.argv[1]), Path(sys.argv[2])
    with measuring() as found:
        kept = reference.suffix == ".profile"
        lossless = LOSSLESS if kept else EVERY_VALUE
        before = storing.read(reference).data if kept else profile_file(reference, schema(), lossless=lossless)
        verdict = measure("bench", 1, before, profile_file(current, schema(), lossless=lossless))
        found.scores = {column.name: float(column.evidently_score or 0.0) for column in verdict.columns}
        found.more = {"drifted": len(verdict.drifted), "judged": sum(column.p_value is not None for column in verdict.columns)}


if __name__ == "__main__":
    main()
