"""Whether a version's predictions mean what they say."""

import math

from driftgate.lifecycle.gating.words import finite, holm, stale_limits, unmeasured
from driftgate.lifecycle.measurements_gates import HoldoutCalibration
from driftgate.lifecycle.measurements_live import Calibration
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.schema import Task
from driftgate.lifecycle.verdicts import Estimate, Gate, Number, Verdict

FEWEST_SHARED = 100
"""Rows of the champion's measurement below which being no further off than it excuses nothing: chance alone moves both. Not `slice_rows`,
of which more is the looser limit there and would be the stricter one here."""


def calibration_gate(found: HoldoutCalibration | None, policy: Policy) -> Gate:
    """Fails where the intercept or the slope is surely outside its band, and further from perfect than the champion's on the same rows.

    A world that moved puts every version's calibration off, and the newest one's least: to refuse it would leave the older one serving.
    Where neither can be told (too few rows of an outcome) there is nothing to judge: no harm is proven.
    """
    if found is None:
        return unmeasured("calibration")
    limit: dict[str, Number] = {
        "intercept": policy.calibration_intercept, "slope": policy.calibration_slope, "level": policy.refusal_level,
    }  # fmt: skip
    measured = _measured(found)
    asked = {"calibration_intercept": -policy.calibration_intercept, "calibration_slope": -policy.calibration_slope}
    stale = stale_limits(asked, {"calibration_intercept": -found.intercept_limit, "calibration_slope": -found.slope_limit})
    if stale or not policy.refusal_level > 0:
        return Gate("calibration", Verdict.UNDECIDED, (stale or "refusal_level must be a number above 0",), measured, limit)
    rows = found.candidate
    parts = {"intercept": (rows.intercept, rows.intercept_beyond), "slope": (rows.slope, rows.slope_beyond)}
    p_values = {name: beyond.p_value for name, (_, beyond) in parts.items() if beyond is not None and beyond.p_value is not None}
    if not p_values:
        said = f"it cannot be told on {rows.rows} rows: too few of an outcome, or predictions that are all alike"
        return Gate("calibration", Verdict.NOT_APPLICABLE, (said,), measured, limit)
    if not all(finite(value.value) for name in p_values if (value := parts[name][0]) is not None):
        return Gate("calibration", Verdict.UNDECIDED, ("intercept or slope is no number",), measured, limit)
    adjusted = holm([p_values.get(name, 1.0) for name in parts])
    outside = [name for name, p in zip(parts, adjusted, strict=True) if p <= policy.refusal_level]
    blocking = [name for name in outside if not _no_further(name, found)]
    reasons = [_words(name, parts[name][0], found, blocks=name in blocking) for name in outside]
    return Gate(
        "calibration",
        Verdict.FAIL if blocking else Verdict.PASS,
        tuple(reasons) or (_passed(found, whole=p_values.keys() == parts.keys()),),
        measured,
        limit,
    )


def _off(name: str, calibration: Calibration) -> float:
    """How far the number is from perfect, 0; NaN where it is not defined."""
    value = calibration.slope if name == "slope" else calibration.intercept
    if value is None:
        return math.nan
    if name == "intercept":
        return abs(value.value)
    return abs(math.log(value.value)) if value.value > 0 else math.inf


def _no_further(name: str, found: HoldoutCalibration) -> bool:
    """Whether the candidate's is no further from perfect than the champion's, each on the same rows, of which there are enough."""
    own, champion = found.shared, found.champion
    if own is None or champion is None or min(own.rows, champion.rows) < FEWEST_SHARED:
        return False
    off = _off(name, own)
    return finite(off) and off <= _off(name, champion)


def _words(name: str, value: Estimate | None, found: HoldoutCalibration, *, blocks: bool) -> str:
    shown = (
        ""
        if value is None
        else f" {value.value:.3g}, {found.candidate.confidence:.0%} bounds [{_shown(value.lower)}, {_shown(value.upper)}],"
    )
    unit = "log-odds" if found.candidate.task is not Task.REGRESSION else "standard deviations of the truth"
    band = (
        f"{1 / (1 + found.slope_limit):.3g} to {1 + found.slope_limit:.3g}"
        if name == "slope"
        else f"{found.intercept_limit:g} {unit} either way"
    )
    said = f"calibration {name}{shown} is surely outside {band} on {found.candidate.rows} holdout rows"
    return said if blocks else _excused(said, found)


def _excused(said: str, found: HoldoutCalibration) -> str:
    both = 0 if found.shared is None else found.shared.rows
    than = f"version {found.champion_version}'s on the {both} of them that both can be judged on"
    return f"note: {said}, but no further from perfect than {than}"


def _passed(found: HoldoutCalibration, *, whole: bool) -> str:
    what = "intercept and slope are" if whole else "what is defined of intercept and slope is"
    return f"{what} not surely outside the band on {found.candidate.rows} holdout rows"


def _shown(bound: float | None) -> str:
    return "undefined" if bound is None else f"{bound:.3g}"


def _measured(found: HoldoutCalibration) -> dict[str, Number]:
    measured: dict[str, Number] = {"rows": found.candidate.rows}
    for name, value in (("intercept", found.candidate.intercept), ("slope", found.candidate.slope), ("ece", found.ece)):
        if value is not None:
            measured |= {name: value.value, f"{name}_lower": value.lower, f"{name}_upper": value.upper}
    measured["ece_by_chance"] = found.candidate.ece_by_chance
    for name, own in (("champion", found.champion), ("shared", found.shared)):
        if own is not None:
            measured |= {
                f"{name}_rows": own.rows,
                f"{name}_intercept": None if own.intercept is None else own.intercept.value,
                f"{name}_slope": None if own.slope is None else own.slope.value,
                f"{name}_ece": own.ece,
            }
    if found.champion is not None:
        measured["champion"] = found.champion_version
    return measured
