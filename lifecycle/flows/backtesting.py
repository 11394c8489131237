"""A history replayed period by period: a candidate from what was known, judged by each policy, and the next period scored.

All policies see the same candidate, so nothing is fitted twice; each has its own champion. What a period needs of the ones before it
is in their records, so a replay that stopped goes on from the last one that was kept.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from driftgate.lifecycle.backtests import Period, Record, Turn
from driftgate.lifecycle.errors import DriftgateError, InvalidData
from driftgate.lifecycle.measurements import Comparison
from driftgate.lifecycle.verdicts import Gate, Verdict, combined

NEVER, ALWAYS, LATEST, OWN = "never", "always", "latest", "policy"
"""The policies: keep the first version; promote every candidate; promote the one with the lower loss on the latest rows; the gates."""

POLICIES = (NEVER, ALWAYS, LATEST, OWN)

NOTHING_NEW = "nothing new was known: it would be the candidate before"


@dataclass(frozen=True, slots=True)
class Score:
    """What a version did on the rows of a period: mean loss, and accuracy where there are classes."""

    loss: float
    quality: float | None = None


class Bench(Protocol):
    """Where candidates are fitted and measured. A version's number is that of the period that it was fitted for."""

    def fit(self, period: Period, corruption: str | None) -> None:
        """Fits the period's candidate on the rows that were known, broken in that way. Raises InvalidData where no fit is possible."""
        ...

    def compared(self, candidate: int, champion: int) -> Comparison:
        """Both on the candidate's holdout, on the rows that the other was not trained on."""
        ...

    def gates(self, candidate: int, champion: int, at: datetime | None, last: datetime | None) -> Sequence[Gate]:
        """Every gate of the policy. `at`: when it is judged; `last`: when the policy decided last; None where there are no times."""
        ...

    def scored(self, version: int, period: Period) -> Score:
        """The version on the rows of the period."""
        ...

    def alarms(self, version: int, period: Period) -> tuple[str, ...]:
        """What the monitors find in the period while the version serves it, its outcomes known."""
        ...

    def retain(self, versions: Iterable[int]) -> None:
        """Forgets every version but these."""
        ...


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a policy says to a candidate."""

    promoted: bool
    verdict: str
    reasons: tuple[str, ...] = ()


def replay(
    periods: Sequence[Period],
    corruptions: Mapping[int, str],
    bench: Bench,
    kept: Sequence[Record],
    keep: Callable[[Record], None],
    *,
    watched: bool = True,
) -> list[Record]:
    """The records of all periods: those `kept` before, which are taken as they are, then one by one the rest, each handed to `keep`.

    `corruptions`: how the candidate of a period is broken, by its number. `watched`: the monitors look at what the policy's own champion
    served. A candidate that cannot be fitted or judged is not promoted, and the record says why.
    """
    records = list(kept)
    for period in periods[len(records) :]:
        record = _replayed(period, corruptions.get(period.number), records, bench, watched=watched)
        keep(record)
        records.append(record)
        bench.retain(champions(records).values())
    return records


def champions(records: Sequence[Record]) -> Mapping[str, int]:
    """Who serves under each policy after the records; empty before the first version."""
    return {name: turn.champion for name, turn in records[-1].turns.items()} if records else {}


def _replayed(period: Period, corruption: str | None, records: Sequence[Record], bench: Bench, *, watched: bool) -> Record:
    problem = _unfitted(period, corruption, records, bench)
    serving = champions(records)
    if problem is not None and not serving:
        return Record(period, None, corruption, problem)
    candidate = period.number if problem is None else None
    decided = {name: _decided(name, candidate, serving.get(name), period, records, bench) for name in POLICIES}
    scores: dict[int, Score] = {}

    def score(version: int) -> Score:
        if version not in scores:
            scores[version] = bench.scored(version, period)
        return scores[version]

    turns = {}
    for name, ruling in decided.items():
        former = serving.get(name)
        champion = period.number if ruling.promoted or former is None else former
        found = score(champion)
        turns[name] = Turn(
            champion=champion,
            promoted=ruling.promoted,
            verdict=ruling.verdict,
            reasons=ruling.reasons,
            loss=found.loss,
            quality=found.quality,
            former_loss=score(former).loss if ruling.promoted and former is not None else None,
            alarms=bench.alarms(champion, period) if watched and name == OWN else (),
        )
    return Record(period, candidate, corruption if candidate is not None else None, problem, turns)


def _unfitted(period: Period, corruption: str | None, records: Sequence[Record], bench: Bench) -> str | None:
    """Fits the candidate; why there is none, where there is none."""
    fitted = [record.period.known for record in records if record.candidate is not None]
    if fitted and fitted[-1] == period.known:
        return NOTHING_NEW
    try:
        bench.fit(period, corruption)
    except InvalidData as error:
        return f"it could not be fitted: {error.message}"
    return None


def _decided(name: str, candidate: int | None, champion: int | None, period: Period, records: Sequence[Record], bench: Bench) -> Ruling:
    """What the policy says. The first version serves under every policy: without one there is no loss to compare."""
    if candidate is None or champion is None or name == NEVER:
        return Ruling(promoted=False, verdict=Verdict.NOT_APPLICABLE.value)
    if name == ALWAYS:
        return Ruling(promoted=True, verdict=Verdict.PASS.value)
    try:
        return _lower(bench.compared(candidate, champion)) if name == LATEST else _gated(candidate, champion, period, records, bench)
    except DriftgateError as error:
        return Ruling(promoted=False, verdict=Verdict.UNDECIDED.value, reasons=(f"judgement: none was possible: {error.message}",))


def _lower(compared: Comparison) -> Ruling:
    """The candidate where its mean loss is the lower one; NaN never is."""
    candidate, champion = compared.candidate_loss, compared.champion_loss
    said = f"{compared.loss} {candidate:.4g} against version {compared.champion}'s {champion:.4g} on {compared.rows} rows"
    if math.isfinite(candidate) and candidate < champion:
        return Ruling(promoted=True, verdict=Verdict.PASS.value)
    return Ruling(promoted=False, verdict=Verdict.FAIL.value, reasons=(f"comparison: {said}",))


def _gated(candidate: int, champion: int, period: Period, records: Sequence[Record], bench: Bench) -> Ruling:
    gates = bench.gates(candidate, champion, period.at, _last(records))
    verdict = combined(gate.verdict for gate in gates)
    blocking = tuple(f"{gate.name}: {reason}" for gate in gates if gate.verdict.blocks for reason in gate.reasons)
    return Ruling(promoted=verdict is Verdict.PASS, verdict=verdict.value, reasons=() if verdict is Verdict.PASS else blocking)


def _last(records: Sequence[Record]) -> datetime | None:
    """When the policy decided last: its first version, or its last promotion."""
    decisions = [record.period.at for record in records if OWN in record.turns and record.turns[OWN].champion == record.period.number]
    return decisions[-1] if decisions else None
