"""Whether a version may challenge the champion: pure functions from gates and schemas to a verdict."""

from collections.abc import Iterator, Sequence

from driftgate.lifecycle.schema import Column, Schema
from driftgate.lifecycle.verdicts import Gate, Verdict

COMPARISON = "comparison"
"""The gate that may be undecided: too little evidence to tell the two apart is what an experiment is run for."""


def admitted(gates: Sequence[Gate]) -> bool:
    """Whether the gates let a version answer a share of the traffic: none blocks, but for a comparison that is undecided."""
    return all(not gate.verdict.blocks or (gate.name == COMPARISON and gate.verdict is Verdict.UNDECIDED) for gate in gates)


def integrity_gate(problem: str | None = None) -> Gate:
    """Fails with the problem that was found; without one, artifact and snapshot are the registered ones."""
    if problem is not None:
        return Gate("integrity", Verdict.FAIL, (problem,))
    return Gate("integrity", Verdict.PASS, ("artifact and snapshot are the registered ones, byte for byte",))


def interface_gate(challenger: Schema, champion: Schema) -> Gate:
    """Fails where the challenger's answers are of another kind than the champion's: callers do not know which of them they get.

    A feature that makes the challenger unable to take a row is said and does not block: such a row goes to the champion.
    """
    problems = tuple(_other_answers(challenger, champion))
    notes = tuple(f"note: {note}" for note in _narrower(challenger, champion))
    verdict = Verdict.FAIL if problems else Verdict.PASS
    reasons = problems or ("its answers are of the champion's kind",)
    return Gate("interface", verdict, (*reasons, *notes), {"problems": len(problems)}, {"problems": 0})


def _other_answers(challenger: Schema, champion: Schema) -> Iterator[str]:
    if challenger.task is not champion.task:
        yield f"it is a {challenger.task.value} version, and the champion a {champion.task.value} one"
    elif challenger.classes != champion.classes:
        yield f"it answers {', '.join(challenger.classes)}, and the champion {', '.join(champion.classes)}"


def _narrower(challenger: Schema, champion: Schema) -> Iterator[str]:
    known = {column.name: column for column in champion.columns}
    for column in challenger.columns:
        problem = _difference(column, known.get(column.name))
        if problem:
            yield f"the feature {column.name} {problem}; rows that the challenger cannot take go to the champion"


def _difference(column: Column, champions: Column | None) -> str | None:
    if champions is None:
        return "is not one of the champion's, so callers may not send it"
    if column.kind is not champions.kind:
        return f"is {column.kind.value} here, and {champions.kind.value} for the champion"
    return "may be missing for the champion, and not here" if champions.nullable and not column.nullable else None
