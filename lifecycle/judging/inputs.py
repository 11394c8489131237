"""Whether the features of a window are those that the version knows: facts about columns and values, which spend no level."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from driftgate.lifecycle.findings import Finding, Monitor
from driftgate.lifecycle.verdicts import Verdict

MOST_BROKEN = 0.01
"""Share of a column's values that may be broken before somebody should know."""
NAMED = 10


@dataclass(frozen=True, slots=True)
class Inputs:
    """The features of a window as they came.

    `lost`: features that no payload has. `new`: what payloads have and the version does not know. `retyped`: feature -> values of another
    type than the version's (no number where one belongs, or no text). `infinite`: feature -> infinite values.
    """

    rows: int
    lost: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    retyped: Mapping[str, int] = field(default_factory=dict)
    infinite: Mapping[str, int] = field(default_factory=dict)


def judged(seen: Inputs) -> tuple[Finding, ...]:
    """A finding for each way in which features can be broken: it fails where one is lost, or a share of its values over `MOST_BROKEN` is.

    A column that the version does not know is told and fails nothing: it changes no answer. How values are distributed is drift.
    """
    lost = f"no payload holds {_listed(seen.lost)}: missing values were predicted on" if seen.lost else "every feature came"
    new = (
        f"payloads hold what the version does not know, and answers do not use: {_listed(seen.new)}" if seen.new else "nothing unknown came"
    )
    return (
        _finding("lost_columns", seen, len(seen.lost), 0.0, lost, failed=bool(seen.lost)),
        _finding("new_columns", seen, len(seen.new), None, new, failed=False),
        _values("retyped_values", seen, seen.retyped, "values of another type than the snapshot's"),
        _values("infinite_values", seen, seen.infinite, "infinite values, which count as missing"),
    )


def _values(name: str, seen: Inputs, broken: Mapping[str, int], what: str) -> Finding:
    shares = {column: count / max(seen.rows, 1) for column, count in broken.items() if count}
    worst = max(shares.values(), default=0.0)
    told = ", ".join(f"{column} {share:.1%}" for column, share in sorted(shares.items(), key=lambda each: -each[1])[:NAMED])
    return _finding(name, seen, worst, MOST_BROKEN, f"{what}: {told}" if told else f"no {what}", failed=worst > MOST_BROKEN)


def _finding(name: str, seen: Inputs, value: float, limit: float | None, said: str, *, failed: bool) -> Finding:
    verdict = Verdict.FAIL if failed else Verdict.PASS
    return Finding(Monitor.INPUTS, name, verdict, value=float(value), limit=limit, rows=seen.rows, reasons=(said,))


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
