"""Verdicts, findings and gates: what judgement is made of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

Number: TypeAlias = float | int | str | bool | None


class Verdict(StrEnum):
    """The outcome of a gate or a finding. `FAIL` and `UNDECIDED` block; `NOT_APPLICABLE` is recorded and does not."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    UNDECIDED = "undecided"
    NOT_APPLICABLE = "not_applicable"

    @property
    def blocks(self) -> bool:
        """Whether a promotion may not go on."""
        return self in (Verdict.FAIL, Verdict.UNDECIDED)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured number with its confidence bounds; a bound is None where it is not defined (too few rows)."""

    value: float
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """A named rule and its verdict, with all its reasons, the numbers measured and the limits they were held against."""

    name: str
    verdict: Verdict
    reasons: tuple[str, ...]
    measured: Mapping[str, Number] = field(default_factory=dict)
    limit: Mapping[str, Number] = field(default_factory=dict)


def combined(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict over many: `fail` if any fails, else `undecided` if any is, else `pass`; nothing applicable is `undecided`."""
    seen = set(verdicts)
    for verdict in (Verdict.FAIL, Verdict.UNDECIDED, Verdict.PASS):
        if verdict in seen:
            return verdict
    return Verdict.UNDECIDED
