"""Whether a window that drifted should worry anybody about the loss, before its outcomes are known.

Drift alone cries wolf, and estimates without outcomes stay silent where the concept moved. So a drift alarms about the loss where it is
confirmed row by row, and only outcomes clear it: docs/discussions/alarms.md has what was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from driftgate.lifecycle.findings import Finding, Monitor, Reading
from driftgate.lifecycle.verdicts import Estimate, Number, Verdict

NAME = "under_drift"


@dataclass(frozen=True, slots=True)
class Matured:
    """What the latest matured outcomes say: the relative growth of the loss over the holdout's, with one-sided bounds.

    `drifted`: whether the payloads of those outcomes had drifted as well; None: nobody looked. `rows`: how many outcomes.
    """

    growth: Estimate
    rows: int
    drifted: bool | None = None

    def clears(self, tolerated: float) -> bool:
        """Whether they show that a drift did no harm: they come from drifted payloads, and the loss has surely not grown beyond it."""
        return bool(self.drifted) and self.growth.upper is not None and self.growth.upper <= tolerated


def judged(
    drift: Sequence[Finding],
    shift: Finding | None,
    readings: Sequence[Reading],
    matured: Matured | None,
    *,
    tolerated: float,
) -> Finding:
    """The finding of `EXPECTED_PERFORMANCE` on a drift: whether to fear that the loss grew by more than `tolerated`.

    It fails where something drifted (`drift`: the findings of data and prediction drift), the drift is confirmed, and no outcomes
    clear it. Confirmed: `shift`, the finding of the domain classifier, alarms; or a reading surely expects growth, and more than
    `tolerated`; or no AUC was measured that could tell. Undecided: the AUC is above its limit, but not surely. A reading within
    `tolerated` does not clear a drift, as all of them assume what only outcomes show. It spends no level of its own: no alarm of it is
    without one of drift. `value` is the largest growth that any reading expects, None where all are undecided.
    """
    expected = [reading.growth for reading in readings if reading.growth is not None]
    verdict, why = _verdict(drift, shift, readings, matured, tolerated)
    largest = max(expected, key=lambda growth: growth.value, default=None)
    sized = next((finding for finding in (*drift, *((shift,) if shift else ())) if finding.rows), None)
    return Finding(
        Monitor.EXPECTED_PERFORMANCE,
        NAME,
        verdict,
        value=None if largest is None else largest.value,
        limit=tolerated,
        lower=None if largest is None else largest.lower,
        upper=None if largest is None else largest.upper,
        level=max((finding.level for finding in drift if finding.level is not None), default=None),
        rows=0 if sized is None else sized.rows,
        reference_rows=0 if sized is None else sized.reference_rows,
        reasons=(*why, *(f"{reading.assumption.value}: {reading.words}" for reading in readings), *_outcomes(matured)),
        details=_details(drift, shift, matured),
        readings=tuple(readings),
    )


def exceeds(reading: Reading, tolerated: float) -> bool:
    """Whether the reading surely expects the loss to grow, and by more than is tolerated."""
    growth = reading.growth
    return growth is not None and growth.value > tolerated and growth.lower is not None and growth.lower > 0


def _verdict(
    drift: Sequence[Finding], shift: Finding | None, readings: Sequence[Reading], matured: Matured | None, tolerated: float
) -> tuple[Verdict, tuple[str, ...]]:
    moved = [finding.name for finding in drift if finding.alarms]
    if not moved:
        if any(finding.verdict is Verdict.PASS for finding in drift):
            return Verdict.PASS, ("nothing drifted that matters: the loss is expected to be the holdout's",)
        return Verdict.UNDECIDED, ("there is no verdict on drift, so nothing is expected of the loss",)
    confirmed = _confirmed(shift, readings, tolerated)
    if confirmed is None:
        unsure = shift is not None and shift.verdict is Verdict.UNDECIDED
        said = "it is not sure that rows show it" if unsure else "hardly any row shows it"
        quiet = "no reading surely expects the loss to grow by more than is tolerated"
        return Verdict.UNDECIDED if unsure else Verdict.PASS, (f"{_listed(moved)} drifted, but {said}, and {quiet}",)
    if matured is not None and matured.clears(tolerated):
        return Verdict.PASS, (f"{_listed(moved)} drifted, {confirmed}; but the outcomes of payloads that had drifted too clear it",)
    unknown = "no outcomes of drifted payloads show that the loss stays within what is tolerated"
    return Verdict.FAIL, (f"{_listed(moved)} drifted, {confirmed}; {unknown} ({tolerated:.0%})",)


def _confirmed(shift: Finding | None, readings: Sequence[Reading], tolerated: float) -> str | None:
    """Why a drift of columns counts, in words; None where it does not."""
    if shift is None or shift.value is None:
        return "and whether rows show it is not known"
    if shift.alarms:
        return "and a classifier tells the window's rows from the snapshot's"
    over = [reading.assumption.value for reading in readings if exceeds(reading, tolerated)]
    return f"and the loss is expected to grow ({', '.join(over)})" if over else None


def _outcomes(matured: Matured | None) -> tuple[str, ...]:
    if matured is None:
        return ("no outcomes have matured",)
    growth = matured.growth
    bounds = "" if growth.lower is None or growth.upper is None else f" ({growth.lower:+.1%} to {growth.upper:+.1%})"
    of = {True: "they had drifted too", False: "they are from before the drift", None: "whether they had drifted is not known"}
    return (f"outcomes: the loss of the latest {matured.rows} payloads grew by {growth.value:+.1%}{bounds}; {of[matured.drifted]}",)


def _details(drift: Sequence[Finding], shift: Finding | None, matured: Matured | None) -> dict[str, Number]:
    return {
        "drifted": sum(finding.alarms for finding in drift),
        "domain_auc_lower": None if shift is None else shift.lower,
        "matured_growth": None if matured is None else matured.growth.value,
        "matured_rows": 0 if matured is None else matured.rows,
    }


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
