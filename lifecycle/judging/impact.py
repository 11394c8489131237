"""Whether the model's arm does worse than the heuristic's, and whether its advantage has decayed."""

import math

from driftgate.lifecycle.findings import Finding, Monitor
from driftgate.lifecycle.measurements_impact import Advantage, ArmOutcomes, Decay, ImpactMeasurement
from driftgate.lifecycle.verdicts import Estimate, Number, Verdict

HEURISTIC, DECAY = "heuristic", "decay"
QUESTIONS = 2
"""The level is shared in equal parts, also where only one question can be asked: else its limit would hang on the data."""


def impact(measured: ImpactMeasurement, level: float) -> tuple[Finding, ...]:
    """Two findings, `heuristic` and `decay`; each fails where its one-sided p-value is at most half of the level.

    `heuristic`: the model's outcomes are worse than those of the heuristic's entities. `decay`: the advantage over it is lower than
    in the version's first matured period. Undecided, in words, where either cannot be told.
    """
    return _against_heuristic(measured, level), _decay(measured, level)


def _against_heuristic(measured: ImpactMeasurement, level: float) -> Finding:
    found = measured.overall
    if found is None:
        return _undecided(HEURISTIC, measured, level, measured.undecided or "there is nothing to compare with", None)
    if found.undecided is not None or not _usable(found.p_worse):
        return _undecided(HEURISTIC, measured, level, found.undecided or "the difference is undefined", found)
    worse = found.p_worse is not None and found.p_worse <= level / QUESTIONS
    verdict = "the model's outcomes are worse than the heuristic's" if worse else "the model's outcomes are not shown to be worse"
    reasons = (
        f"{verdict}: {_shown(found.difference, measured)}",
        *_sides(found),
        f"one-sided p {found.p_worse:.2g}, limit {level / QUESTIONS:.2g}",
        *_notes(measured),
    )
    return _finding(HEURISTIC, Verdict.FAIL if worse else Verdict.PASS, level, found.difference, found.p_worse, found, reasons)


def _decay(measured: ImpactMeasurement, level: float) -> Finding:
    found = measured.decay
    if found is None:
        return _undecided(DECAY, measured, level, measured.no_decay or "there is no first period to compare with", None)
    if found.undecided is not None or not _usable(found.p_lower):
        return _undecided(DECAY, measured, level, found.undecided or "the change is undefined", found.now)
    lower = found.p_lower is not None and found.p_lower <= level / QUESTIONS
    verdict = "the advantage over the heuristic has fallen" if lower else "the advantage over the heuristic is not shown to have fallen"
    reasons = (
        f"{verdict}: {_shown(found.change, measured)} since the first matured period of version {found.version}",
        *(f"{when}: {_advantage(each, measured)}" for when, each in _both(found)),
        f"one-sided p {found.p_lower:.2g}, limit {level / QUESTIONS:.2g}",
        *_notes(measured),
    )
    return _finding(DECAY, Verdict.FAIL if lower else Verdict.PASS, level, found.change, found.p_lower, found.now, reasons)


def _finding(
    name: str,
    verdict: Verdict,
    level: float,
    value: Estimate | None,
    p_value: float | None,
    found: Advantage | None,
    reasons: tuple[str, ...],
) -> Finding:
    details: dict[str, Number] = {}
    if found is not None:
        details = {
            "model_rate": found.model.rate,
            "heuristic_rate": found.heuristic.rate,
            "model_entities": found.model.entities,
            "heuristic_entities": found.heuristic.entities,
            "entities_saved": None if found.saved is None else found.saved.value,
            "value": None if found.worth is None else found.worth.value,
        }
    known = value if value is not None and math.isfinite(value.value) else None
    return Finding(
        Monitor.IMPACT,
        name,
        verdict,
        value=None if known is None else known.value,
        limit=0.0,
        lower=None if known is None else known.lower,
        upper=None if known is None else known.upper,
        p_value=p_value,
        level=level,
        rows=0 if found is None else found.model.rows,
        reference_rows=0 if found is None else found.heuristic.rows,
        reasons=reasons,
        details=details,
    )


def _undecided(name: str, measured: ImpactMeasurement, level: float, why: str, found: Advantage | None) -> Finding:
    return _finding(name, Verdict.UNDECIDED, level, None if found is None else found.difference, None, found, (why, *_notes(measured)))


def _usable(p_value: float | None) -> bool:
    return p_value is not None and 0.0 <= p_value <= 1.0


def _both(found: Decay) -> tuple[tuple[str, Advantage], tuple[str, Advantage]]:
    return ("at first", found.first), ("now", found.now)


def _shown(estimate: Estimate | None, measured: ImpactMeasurement) -> str:
    if estimate is None:
        return "undefined"
    interval = "" if estimate.lower is None else f", {measured.confidence:.0%} interval {estimate.lower:+.4g} to {estimate.upper:+.4g}"
    return f"{estimate.value:+.4g}{interval}"


def _advantage(found: Advantage, measured: ImpactMeasurement) -> str:
    sizes = f"{found.model.entities} entities of the model, {found.heuristic.entities} of the heuristic"
    return f"{_shown(found.difference, measured)} ({sizes})"


def _sides(found: Advantage) -> tuple[str, ...]:
    return _side("model", found.model), _side("heuristic", found.heuristic)


def _side(name: str, arm: ArmOutcomes) -> str:
    rate = "undefined" if arm.rate is None else f"{arm.rate:.4g}"
    return f"{name}: {rate} over {arm.entities} entities ({arm.rows} answers)"


def _notes(measured: ImpactMeasurement) -> tuple[str, ...]:
    """What a reader of the verdict has to know besides."""
    notes = [f"favourable: {measured.favourable}" + (", as nobody said otherwise (monitoring.favourable)" if measured.assumed else "")]
    if measured.moved:
        notes.append(f"{measured.moved} entities were seen in more than one arm and are left out")
    if measured.nameless:
        notes.append(f"{measured.nameless} answers without an entity are outside the experiment")
    return (*notes, *measured.problems)
