"""The judgement of a shift of the population, and of the performance to expect where outcomes are missing: pure."""

from driftgate.lifecycle.findings import Assumption, Finding, Monitor, Reading
from driftgate.lifecycle.measurements_shift import DomainShift, ExpectedMetric, ExpectedPerformance
from driftgate.lifecycle.verdicts import Verdict

SHOWN = 3
"""Columns that are named as giving the window away."""
TELLING = 0.55
"""Area of a column alone from which it is named."""
ROUNDING = 1e-9


def domain(measured: DomainShift, threshold: float, level: float) -> Finding:
    """The finding of `DOMAIN_SHIFT`: whether the window's rows can be told from the snapshot's.

    Fails where the area's lower bound is above the threshold; passes where the area is not; between: undecided, as with too few rows or
    bounds less sure than the level asks for. `level`: the chance of a false alarm that it may have.
    """
    lacking = measured.undecided or _unsure(measured.confidence, level)
    auc = measured.auc
    if lacking or auc is None or auc.lower is None:
        verdict, said = Verdict.UNDECIDED, lacking or "the area has no lower bound"
    else:
        bounds = f"ROC AUC {auc.value:.3f}, lower bound {auc.lower:.3f} at {measured.confidence:.4g}"
        verdict, said = _verdict(auc.value, auc.lower, threshold)
        said = f"a classifier between snapshot and window {said} the threshold {threshold:g}: {bounds}"
    return Finding(
        Monitor.DOMAIN_SHIFT,
        "auc",
        verdict,
        value=None if auc is None else auc.value,
        limit=threshold,
        lower=None if auc is None else auc.lower,
        upper=None if auc is None else auc.upper,
        level=level,
        rows=measured.rows,
        reference_rows=measured.reference_rows,
        reasons=(said, *_told_by(measured), *_left_out(measured)),
        details={
            "judged_rows": measured.judged_rows,
            "judged_reference_rows": measured.judged_reference_rows,
            "units": measured.units,
            "seed": measured.seed,
            **{f"auc_of_{column.name}": column.auc for column in measured.columns[:SHOWN]},
        },
    )


def _unsure(confidence: float, level: float) -> str | None:
    if confidence >= 1.0 - level - ROUNDING:
        return None
    return f"the bounds hold at {confidence:.4g}, and a level of {level:.2g} asks for {1.0 - level:.6g}: measure anew"


def _verdict(value: float, lower: float, limit: float) -> tuple[Verdict, str]:
    """The verdict on a number that must not be above the limit, and how it stands to it. NaN is undecided."""
    if lower > limit:
        return Verdict.FAIL, "is surely above"
    if value <= limit:
        return Verdict.PASS, "is not above"
    return Verdict.UNDECIDED, "is above, but not surely,"


def _told_by(measured: DomainShift) -> tuple[str, ...]:
    named = [f"{column.name} ({column.auc:.3f})" for column in measured.columns[:SHOWN] if column.auc > TELLING]
    return (f"told most by, each alone: {', '.join(named)}",) if named else ()


def _left_out(measured: DomainShift) -> tuple[str, ...]:
    return tuple(f"left out: {column.name}: {column.reason}" for column in measured.left_out)


def expected_performance(measured: ExpectedPerformance, loss_growth: float, level: float) -> Finding:
    """The finding of `EXPECTED_PERFORMANCE` on the loss to expect where outcomes are missing.

    Fails where the lower bound of its growth over the holdout's is above `loss_growth`; passes where the growth is not above; between:
    undecided, as where there is no estimate. It is an estimate: the reasons say what it takes for granted.
    """
    loss = measured.metrics[0] if measured.metrics else None
    growth = None if loss is None else loss.growth
    lacking = measured.undecided or _unsure(measured.confidence, level)
    if lacking or loss is None or growth is None or growth.lower is None:
        verdict, said = Verdict.UNDECIDED, lacking or "the growth of the loss is not defined"
    else:
        verdict, said = _verdict(growth.value, growth.lower, loss_growth)
        said = f"the growth to expect {said} the limit {loss_growth:+.1%}: {_words(loss, measured.confidence)}"
    return Finding(
        Monitor.EXPECTED_PERFORMANCE,
        "log_loss" if loss is None else loss.name,
        verdict,
        value=None if growth is None else growth.value,
        limit=loss_growth,
        lower=None if growth is None else growth.lower,
        upper=None if growth is None else growth.upper,
        level=level,
        rows=measured.rows,
        reference_rows=measured.holdout_rows,
        reasons=(said, *_marked(measured)),
        details={"seed": measured.seed, **{f"expected_{metric.name}": metric.expected.value for metric in measured.metrics}},
        readings=(calibrated(measured),),
    )


def calibrated(measured: ExpectedPerformance) -> Reading:
    """The growth of the loss under the assumption that probabilities (or errors) mean in the window what they meant on the holdout."""
    loss = measured.metrics[0] if measured.metrics else None
    if measured.undecided or loss is None or loss.growth is None:
        return Reading(Assumption.CALIBRATED, None, f"undecided: {measured.undecided or 'the growth of the loss is not defined'}")
    return Reading(Assumption.CALIBRATED, loss.growth, "; ".join((_words(loss, measured.confidence), *_marked(measured))))


def _words(loss: ExpectedMetric, confidence: float) -> str:
    growth = loss.growth
    bound = "" if growth is None or growth.lower is None else f", at least {growth.lower:+.1%} at {confidence:.4g}"
    grown = "" if growth is None else f" ({growth.value:+.1%}{bound})"
    return f"{loss.name} {loss.expected.value:.4g} expected, {loss.holdout:.4g} on the holdout{grown}"


def _marked(measured: ExpectedPerformance) -> tuple[str, ...]:
    return (f"an estimate without outcomes, {measured.method}", *(f"it takes for granted: {each}" for each in measured.assumptions))
