"""How a challenger stands to the champion, as findings: a sequence's verdict is final already, so nothing is judged anew."""

from collections.abc import Sequence

from driftgate.lifecycle.findings import Finding, Monitor
from driftgate.lifecycle.measurements_impact import Duel, Pairing, Standing
from driftgate.lifecycle.verdicts import Number, Verdict

VERDICTS = {Standing.WORSE: Verdict.FAIL, Standing.BETTER: Verdict.PASS, Standing.UNDECIDED: Verdict.UNDECIDED}
SAID = {
    Standing.WORSE: "the challenger is surely worse than the champion",
    Standing.BETTER: "the challenger is surely better than the champion: a candidate for promotion",
    Standing.UNDECIDED: "it is not decided yet which is the better one",
}
WAITING = "waiting"
"""The name of the finding of a challenge that nothing can be said of yet."""

MEASURES = ("outcome", "log_loss", "mae")


def judged(challenger: int, duels: Sequence[Duel]) -> tuple[Finding, ...]:
    """A finding per duel, named after the challenger: it fails where that is surely worse. Without a duel one that says so, undecided.

    `level` is the sequence's own, over all looks together, and no part of a pass's: a confidence sequence may be looked at daily.
    """
    if not duels:
        why = f"version {challenger} challenges, and no matured outcome of both versions is known yet"
        return (Finding(Monitor.CHALLENGER, f"{challenger}/{WAITING}", Verdict.UNDECIDED, reasons=(why,)),)
    return tuple(_finding(duel) for duel in duels)


def _finding(duel: Duel) -> Finding:
    last = duel.looks[-1].difference
    details: dict[str, Number] = {
        "champion_entities": duel.champion_entities,
        "challenger_entities": duel.challenger_entities,
        "needed": duel.needed,
        "decided_at": None if duel.decided_at is None else duel.decided_at.isoformat(),
    }
    return Finding(
        Monitor.CHALLENGER,
        named(duel.challenger, duel.pairing, duel.measure),
        VERDICTS[duel.standing],
        value=last.value,
        limit=0.0,
        lower=last.lower,
        upper=last.upper,
        level=duel.level,
        rows=duel.rows,
        reasons=(SAID[duel.standing], *duel.reasons),
        details=details,
    )


def names(challenger: int) -> tuple[str, ...]:
    """Of every finding that a duel of the challenger may leave."""
    return tuple(named(challenger, pairing, measure) for pairing in Pairing for measure in MEASURES)


def named(challenger: int, pairing: Pairing, measure: str) -> str:
    """The name of a duel's finding: `5/arms/outcome`."""
    return f"{challenger}/{pairing.value}/{measure}"
