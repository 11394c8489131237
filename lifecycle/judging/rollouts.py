"""The guards of a roll-out: pure functions from live measurements and limits to gates.

A guard fails where harm is shown, at a level that holds over all looks together. It is undecided, and the stage waits, where too little
was seen or the measured value itself is over the limit without being shown to be. No number that is not one is a pass.
"""

import math
from collections.abc import Sequence

from driftgate.lifecycle.measurements_impact import Duel, Standing
from driftgate.lifecycle.measurements_rollout import Failures, OutputChange, Slowness
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Gate, Number, Verdict

GUARDS = 4
"""They share the level in equal parts: errors, latency, outputs, loss."""

TAIL = 0.01
"""What lies beyond the 99th percentile."""


def errors(found: Failures, policy: Policy) -> Gate:
    """Fails where the version surely leaves more rows unanswered than the other by more than `rollout_errors`."""
    asked = found.rows + found.failed + found.turned_away
    share, beside = _share(found.failed + found.turned_away, asked), _share(found.beside_failed, found.beside_rows + found.beside_failed)
    measured: dict[str, Number] = {
        "rows": found.rows, "failed": found.failed, "turned_away": found.turned_away, "share": share, "lower": found.lower,
        "beside_rows": found.beside_rows, "beside_failed": found.beside_failed, "beside_share": beside, "beside_upper": found.upper,
    }  # fmt: skip
    limit = policy.rollout_errors
    words = f"{found.failed} of {asked} rows failed and {found.turned_away} were turned away; of the champion {_shown(beside)} failed"
    if asked < policy.rollout_rows:
        # Harm needs no least number of rows: the bound knows how many there are.
        verdict = Verdict.FAIL if _over(found.lower, _sum(found.upper, limit)) else Verdict.UNDECIDED
        words += f"; {asked} rows are fewer than the {policy.rollout_rows} of a stage"
    else:
        verdict = _verdict(found.lower, _sum(found.upper, limit), share, _sum(beside, limit))
    return Gate("errors", verdict, (words,), measured, {"beyond_champion": limit, "rows": policy.rollout_rows})


def latency(found: Slowness, policy: Policy) -> Gate:
    """Fails where surely more than 1 % of the version's answers took longer than the ratio times the other's 99th percentile."""
    ratio = _ratio(found.p99, found.beside_p99)
    measured: dict[str, Number] = {
        "rows": found.rows, "beside_rows": found.beside_rows, "p99": found.p99, "beside_p99": found.beside_p99, "ratio": ratio,
        "slower_than": found.limit, "slower_share_lower": found.lower,
    }  # fmt: skip
    words = f"p99 {_shown(found.p99)} s, of the champion {_shown(found.beside_p99)} s"
    if found.limit is None:
        words += f"; {found.beside_rows} rows of the champion are too few to bound its 99th percentile"
        verdict = Verdict.UNDECIDED
    else:
        verdict = _verdict(found.lower, TAIL, ratio, policy.rollout_latency)
    return Gate("latency", verdict, (words,), measured, {"ratio": policy.rollout_latency})


def outputs(found: OutputChange, policy: Policy) -> Gate:
    """Fails where the answers of both surely differ in distribution by more than `rollout_outputs`, in total variation."""
    measured: dict[str, Number] = {
        "entities": found.entities, "beside_entities": found.beside_entities, "change": found.change, "lower": found.lower,
    }  # fmt: skip
    words = f"total variation {_shown(found.change)} beyond chance, over {found.entities} entities beside {found.beside_entities}"
    reasons = (words,) if found.why is None else (words, found.why)
    verdict = _verdict(found.lower, policy.rollout_outputs, found.change, policy.rollout_outputs)
    if verdict is Verdict.PASS and found.why is not None:
        verdict = Verdict.UNDECIDED
    return Gate("outputs", verdict, reasons, measured, {"total_variation": policy.rollout_outputs})


def loss(duels: Sequence[Duel]) -> Gate:
    """Fails where a duel by loss shows the version to be worse. Not applicable while too few outcomes have matured to begin one."""
    known = [duel for duel in duels if duel.looks and duel.looks[-1].difference.lower is not None]
    if not known:
        return Gate("loss", Verdict.NOT_APPLICABLE, ("too few outcomes of both have matured",))
    worse = [duel for duel in known if duel.standing is Standing.WORSE]
    reasons = tuple(reason for duel in (worse or known) for reason in duel.reasons)
    measured: dict[str, Number] = {}
    for duel in known:
        last = duel.looks[-1].difference
        measured |= {f"{duel.pairing.value}_{duel.measure}": last.value, f"{duel.pairing.value}_{duel.measure}_lower": last.lower}
    return Gate("loss", Verdict.FAIL if worse else Verdict.PASS, reasons, measured, {"difference": 0.0})


def _verdict(lower: float | None, bound: float | None, value: float | None, limit: float | None) -> Verdict:
    """Fail where the lower bound is over its limit, pass where the value is within it, else undecided."""
    if _over(lower, bound):
        return Verdict.FAIL
    if not (_known(lower) and _known(bound)) or value is None or limit is None:
        return Verdict.UNDECIDED
    return Verdict.PASS if value <= limit else Verdict.UNDECIDED


def _known(number: float | None) -> bool:
    return number is not None and math.isfinite(number)


def _over(lower: float | None, bound: float | None) -> bool:
    return lower is not None and bound is not None and lower > bound


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None


def _sum(first: float | None, second: float) -> float | None:
    return None if first is None else first + second


def _ratio(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None or second <= 0 else first / second


def _shown(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3g}"
