"""The judgement of what was measured on the version that serves: pure, from values and limits to findings.

One rule throughout. A finding fails where its number is *surely* beyond its limit: at the monitor's level, which all of its findings share
(Holm 1979). Beyond the limit but not surely: undecided. Else: pass.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from driftgate.lifecycle.findings import Finding, Monitor
from driftgate.lifecycle.gates import SMALLER_IS_BETTER
from driftgate.lifecycle.measurements import Performance
from driftgate.lifecycle.measurements_live import Beyond, Calibration, ConceptShift, LivePerformance, OutputsMeasurement
from driftgate.lifecycle.schema import Task
from driftgate.lifecycle.verdicts import Estimate, Verdict

MINIMUM_ROWS = 50
MOST_UNUSABLE = 0.01
"""Share of a window's outcomes that may say nothing before somebody should know."""
CONCEPT_SHARE = 0.5
"""Share of the tolerated growth of the loss from which the concept part of it alarms: the rest is left to what only moved."""
MOST_OUTSIDE = 0.5
"""Share of the window outside what both share from which the rest is no evidence that nothing changed."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """One number against its limit. `relation`: how the limit is broken, `below` or `above`; `words`: what else is to be said."""

    name: str
    estimate: Estimate | None
    beyond: Beyond | None
    limit: float
    relation: str
    broken: bool
    words: str = ""
    lacking: str | None = None
    label: str | None = None


def performance(
    measured: LivePerformance,
    reference: Performance | None,
    limits: Mapping[str, float],
    loss_growth: float,
    level: float,
    minimum_rows: int = MINIMUM_ROWS,
) -> tuple[Finding, ...]:
    """A finding for each limit, one for the growth of the loss over the holdout's, and one for outcomes that could not be used.

    Metrics without a limit are told as well, `not_applicable`: nobody said what they should be, and they spend no level.
    `limits`: metric -> least value (losses: largest). `measured` must have been held against these very limits. `reference`: the
    version's metrics on its holdout, for the words.
    """
    claims = [_limit_claim(measured, reference, name, limit) for name, limit in sorted(limits.items())]
    claims.append(_growth_claim(measured, loss_growth))
    found = _judged(Monitor.PERFORMANCE, claims, measured, level, minimum_rows)
    return (*found, *_unlimited(measured, reference, limits), *_unusable(measured))


def _limit_claim(measured: LivePerformance, reference: Performance | None, name: str, limit: float) -> _Claim:
    estimate, asked = measured.metrics.get(name), measured.beyond.get(name)
    lacking = None
    if estimate is None:
        lacking = f"{name} is undefined on these rows"
    elif asked is None or asked.limit != limit:
        lacking = f"{name} was not measured against the limit {limit:g}"
    smaller = name in SMALLER_IS_BETTER or name == "bias"
    value = None if estimate is None else abs(estimate.value) if name == "bias" else estimate.value
    broken = value is not None and (value > limit if smaller else value < limit)
    before = reference.metrics.get(name) if reference is not None else None
    words = "" if before is None else f"; on the holdout {before:.4g}"
    return _Claim(name, estimate, asked, limit, "above" if smaller else "below", broken, words, lacking)


def _growth_claim(measured: LivePerformance, limit: float) -> _Claim:
    grown, asked = measured.growth, measured.growth_beyond
    lacking = None
    if grown is None:
        lacking = f"the holdout's {measured.loss} is unknown, so its growth is too"
    elif asked is None or asked.limit != limit:
        lacking = f"the growth of the {measured.loss} was not measured against the limit {limit:g}"
    elif asked.p_value is None:
        lacking = f"the growth of the {measured.loss} has no bounds"
    before = "" if measured.reference_loss is None else f"; on the holdout {measured.reference_loss:.4g}"
    known = f" of {measured.reference_rows} rows" if measured.reference_rows else ", taken as exact"
    words = f"{before}{known}" if before else ""
    label = f"relative growth of the {measured.loss}"
    return _Claim("loss_growth", grown, asked, limit, "above", grown is not None and grown.value > limit, words, lacking, label)


def _unlimited(measured: LivePerformance, reference: Performance | None, limits: Mapping[str, float]) -> Iterator[Finding]:
    for name, found in sorted(measured.metrics.items()):
        if name in limits:
            continue
        before = reference.metrics.get(name) if reference is not None else None
        words = "" if before is None else f"; on the holdout {before:.4g}"
        yield Finding(
            Monitor.PERFORMANCE,
            name,
            Verdict.NOT_APPLICABLE,
            value=found.value,
            lower=found.lower,
            upper=found.upper,
            rows=measured.rows,
            reference_rows=measured.reference_rows,
            reasons=(f"{name} {_shown(found)}{words}; no limit is set for it (monitoring.limits)",),
        )


def _unusable(measured: LivePerformance) -> tuple[Finding, ...]:
    """Made where all can be used too: what is found no more would leave its alarm on."""
    told = measured.rows + measured.unusable
    share = measured.unusable / max(told, 1)
    return (
        Finding(
            Monitor.PERFORMANCE,
            "outcomes",
            Verdict.FAIL if share > MOST_UNUSABLE else Verdict.PASS,
            value=share,
            limit=MOST_UNUSABLE,
            rows=told,
            reasons=measured.problems or ("every outcome can be used",),
        ),
    )


def calibration(measured: Calibration, level: float, minimum_rows: int = MINIMUM_ROWS) -> tuple[Finding, ...]:
    """Findings of the intercept and the slope: drifted where they are surely off by more than is tolerated."""
    binary = measured.task is not Task.REGRESSION
    of = "log-odds" if binary else "truth"
    ece = (
        "" if measured.ece is None else f"; ECE {measured.ece:.3f}, of which chance gives {measured.ece_by_chance or 0.0:.3f} at this size"
    )
    claims = []
    for name, estimate, asked in (
        ("intercept", measured.intercept, measured.intercept_beyond),
        ("slope", measured.slope, measured.slope_beyond),
    ):
        lacking = f"the {name} of the {of} is undefined on these rows" if estimate is None or asked is None else None
        limit = 0.0 if asked is None else asked.limit
        centre = 0.0 if name == "intercept" else 1.0
        above = limit >= centre
        broken = estimate is not None and (estimate.value > limit if above else estimate.value < limit)
        claims.append(_Claim(name, estimate, asked, limit, "above" if above else "below", broken, ece, lacking))
    return _judged(Monitor.CALIBRATION, claims, measured, level, minimum_rows)


def outputs(measured: OutputsMeasurement, level: float, minimum_rows: int = MINIMUM_ROWS) -> tuple[Finding, ...]:
    """Findings of the null outputs, and of the unsure rows (classification) or the predictions out of range (regression).

    Their details hold the mean output with its standard error, so that findings over time show both.
    """
    claims = [_output_claim("null_outputs", measured.nulls, measured.nulls_beyond, "no output is known", "share of null outputs")]
    nothing = "there are no outputs to compare with the holdout's"
    if measured.task is Task.REGRESSION:
        label = "share of predictions outside the holdout's range"
        claims.append(_output_claim("out_of_range", measured.outside, measured.outside_beyond, nothing, label))
    else:
        before = measured.reference_unsure
        words = "" if before is None else f"; on the holdout {before.value:.1%} have a margin under {measured.low_confidence:g}"
        label = "growth of the share of unsure rows"
        claims.append(_output_claim("low_confidence", measured.unsure_growth, measured.unsure_beyond, nothing, label, words))
    means = {
        "mean": measured.mean,
        "mean_error": measured.mean_error,
        "reference_mean": measured.reference_mean,
        "mean_entropy": measured.mean_entropy,
    }
    found = _judged(Monitor.OUTPUTS, claims, measured, level, minimum_rows)
    return tuple(replace(each, details={**each.details, **means}) for each in found)


def _output_claim(name: str, estimate: Estimate | None, asked: Beyond | None, nothing: str, label: str, words: str = "") -> _Claim:
    limit = 0.0 if asked is None else asked.limit
    broken = estimate is not None and estimate.value > limit
    return _Claim(name, estimate, asked, limit, "above", broken, words, nothing if estimate is None or asked is None else None, label)


def concept(measured: ConceptShift, loss_growth: float, level: float) -> tuple[Finding, ...]:
    """One finding: whether outcomes changed for such rows as before by more than half of what the loss may grow.

    Never `pass` where more than half of the window lies outside what both share: nobody knows what becomes of such rows.

    `measured` must have been made with that very limit: `tolerated` = CONCEPT_SHARE x `loss_growth`.
    """
    limit = CONCEPT_SHARE * loss_growth * measured.reference_loss
    asked, estimate = measured.concept_beyond, measured.concept
    lacking = measured.undecided
    if lacking is None and (asked is None or abs(asked.limit - limit) > 1e-9 * max(abs(limit), 1.0)):
        lacking = f"the concept part was not measured against the limit {limit:.4g}"
    growth = f"{measured.loss} {measured.reference_loss:.4g} -> {measured.current_loss:.4g}"
    parts = (("covariate", measured.covariate), ("concept", measured.concept), ("outside what both share", measured.outside))
    told = ", ".join(f"{name} {part.value:+.4g}{_between(part)}" for name, part in parts if part is not None)
    share = "" if measured.outside_share is None else f"; {measured.outside_share:.0%} of the window lie outside what both share"
    words = f"; {growth}: {told}{share}" if told else f"; {growth}{share}"
    broken = estimate is not None and estimate.value > limit
    claim = _Claim("concept", estimate, asked, limit, "above", broken, words, lacking, f"concept part of the {measured.loss}'s growth")
    (found,) = _judged(Monitor.CONCEPT_SHIFT, [claim], measured, level, 0)
    if found.verdict is Verdict.PASS and measured.outside_share is not None and measured.outside_share > MOST_OUTSIDE:
        why = f"on the {1.0 - measured.outside_share:.0%} of the window that the snapshot knows, {found.reasons[0]}"
        found = replace(found, verdict=Verdict.UNDECIDED, reasons=(why, *found.reasons[1:]))
    return (found,)


_Measured = LivePerformance | Calibration | OutputsMeasurement | ConceptShift


def _judged(monitor: Monitor, claims: Sequence[_Claim], measured: _Measured, level: float, minimum_rows: int) -> tuple[Finding, ...]:
    chances = [1.0 if claim.lacking or claim.beyond is None else claim.beyond.p_value for claim in claims]
    adjusted = holm([1.0 if chance is None else chance for chance in chances])
    return tuple(_finding(monitor, claim, p, measured, level, minimum_rows) for claim, p in zip(claims, adjusted, strict=True))


def _finding(monitor: Monitor, claim: _Claim, p_value: float, measured: _Measured, level: float, minimum_rows: int) -> Finding:
    verdict, reason = _verdict(claim, p_value, measured.rows, level, minimum_rows)
    known = claim.estimate
    return Finding(
        monitor=monitor,
        name=claim.name,
        verdict=verdict,
        value=None if known is None else known.value,
        limit=claim.limit,
        lower=None if known is None else known.lower,
        upper=None if known is None else known.upper,
        p_value=None if claim.lacking or claim.beyond is None or claim.beyond.p_value is None else p_value,
        level=level,
        rows=measured.rows,
        reference_rows=0 if isinstance(measured, Calibration) else measured.reference_rows,
        reasons=(f"{reason}{claim.words}", f"{_sizes(measured)}; level {level:.2g}"),
        details={"confidence": measured.confidence, "units": measured.units, "groups": measured.groups},
    )


def _sizes(measured: _Measured) -> str:
    before = 0 if isinstance(measured, Calibration) else measured.reference_rows
    against = f" against {before} of the holdout" if before else ""
    return f"{measured.rows} rows{against}; {measured.groups} independent {measured.units}"


def _verdict(claim: _Claim, p_value: float, rows: int, level: float, minimum_rows: int) -> tuple[Verdict, str]:
    if rows < minimum_rows:
        return Verdict.UNDECIDED, f"{rows} rows are too few to judge {claim.name}; at least {minimum_rows} are needed"
    if claim.lacking or claim.estimate is None or claim.beyond is None:
        return Verdict.UNDECIDED, claim.lacking or f"{claim.name} was not measured"
    said = f"{claim.label or claim.name} {_shown(claim.estimate)}"
    if claim.beyond.p_value is None:
        return Verdict.UNDECIDED, f"{said} has no bounds on these rows"
    if p_value <= level:
        return Verdict.FAIL, f"{said} is {claim.relation} {claim.limit:.4g} (p {p_value:.2g})"
    if claim.broken:
        return Verdict.UNDECIDED, f"{said} is {claim.relation} {claim.limit:.4g}, but that may be chance (p {p_value:.2g})"
    return Verdict.PASS, f"{said} is not {claim.relation} {claim.limit:.4g}"


def _between(estimate: Estimate) -> str:
    return "" if estimate.lower is None or estimate.upper is None else f" [{estimate.lower:+.4g}, {estimate.upper:+.4g}]"


def _shown(estimate: Estimate) -> str:
    bounds = ", ".join("?" if bound is None else f"{bound:.4g}" for bound in (estimate.lower, estimate.upper))
    return f"{estimate.value:.4g} [{bounds}]"


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted so that the chance of any false one at most is the level (Holm 1979)."""
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted
