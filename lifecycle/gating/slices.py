"""Whether a version that is good on the whole harms some segment of the rows."""

from collections.abc import Sequence

from driftgate.lifecycle.gating.words import finite, holm, number, stale_limits, unmeasured
from driftgate.lifecycle.measurements_gates import Segment, Slices
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Gate, Number, Verdict

SHOWN = 8
"""Thin segments that are named before the rest are only counted."""


def slices_gate(slices: Slices | None, policy: Policy, champion: int | None) -> Gate:
    """Fails where harm beyond the margin is significant in a segment, after Holm over all segments that have a bound.

    A segment under `slice_rows` cannot fail, and counts in the adjustment nevertheless: so a policy that judges smaller segments never
    refuses less. It is printed. Where no segment is large enough there is nothing to judge.
    """
    if slices is None:
        nothing = Gate("slices", Verdict.NOT_APPLICABLE, ("there is no champion to compare with",))
        return nothing if champion is None else unmeasured("slices")
    limit: dict[str, Number] = {"difference": slices.line, "level": policy.refusal_level, "rows": policy.slice_rows}
    stale = stale_limits({"slice_margin": -policy.slice_margin}, {"slice_margin": -slices.margin})
    if stale or not policy.refusal_level > 0:
        return Gate("slices", Verdict.UNDECIDED, (stale or "refusal_level must be a number above 0",), {}, limit)
    if slices.segments and not finite(slices.line):
        return Gate(
            "slices", Verdict.UNDECIDED, (f"{slices.loss} of version {slices.champion} is undefined on the shared rows",), {}, limit
        )
    bounded = [(segment, segment.beyond.p_value) for segment in slices.segments if segment.beyond and segment.beyond.p_value is not None]
    thick = [segment.units >= policy.slice_rows for segment, _ in bounded]
    adjusted = holm([p if enough else 1.0 for (_, p), enough in zip(bounded, thick, strict=True)])
    judged = [(segment, p) for (segment, _), p, enough in zip(bounded, adjusted, thick, strict=True) if enough]
    known = {id(segment) for segment, _ in judged}
    thin = [segment for segment in slices.segments if id(segment) not in known]
    if not judged:
        said = f"no segment of the {slices.rows} shared unseen rows has {policy.slice_rows}"
        return Gate("slices", Verdict.NOT_APPLICABLE, (said, *_thin(thin)), {"segments": 0, "thin": len(thin)}, limit)
    harmed = sorted(((segment, p) for segment, p in judged if p <= policy.refusal_level), key=lambda found: found[1])
    reasons = [_harm(segment, p, slices) for segment, p in harmed]
    if not harmed:
        reasons = [f"none of {len(judged)} segments surely loses more than {number(slices.line)} {slices.loss}"]
    return Gate("slices", Verdict.FAIL if harmed else Verdict.PASS, (*reasons, *_thin(thin)), _measured(judged, thin, slices), limit)


def _harm(segment: Segment, p: float, slices: Slices) -> str:
    return (
        f"{segment.name}: {slices.loss} {segment.candidate_loss:.4g} against version {slices.champion}'s {segment.champion_loss:.4g} on "
        f"{segment.rows} rows, surely worse by more than {number(slices.line)} (p {p:.2g} after Holm)"
    )


def _thin(segments: Sequence[Segment]) -> tuple[str, ...]:
    if not segments:
        return ()
    worst = sorted(segments, key=lambda segment: -segment.difference.value if finite(segment.difference.value) else 0.0)
    names = ", ".join(f"{segment.name} ({segment.rows} rows, {segment.difference.value:+.3g})" for segment in worst[:SHOWN])
    more = f" and {len(segments) - SHOWN} more" if len(segments) > SHOWN else ""
    return (f"note: too small to be judged: {names}{more}",)


def _measured(judged: Sequence[tuple[Segment, float]], thin: Sequence[Segment], slices: Slices) -> dict[str, Number]:
    worst, p = min(judged, key=lambda found: (found[1], -found[0].difference.value))
    measured: dict[str, Number] = {
        "segments": len(judged), "thin": len(thin), "rows": slices.rows, "champion": slices.champion,
        "worst": worst.name, "worst_rows": worst.rows, "worst_p": p, "worst_difference": worst.difference.value,
        "worst_lower": worst.difference.lower, "worst_upper": worst.difference.upper,
    }  # fmt: skip
    return measured
