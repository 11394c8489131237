"""Drift, judged already by significance and materiality, as findings: one per column, and one of the prediction."""

from collections.abc import Mapping, Sequence

from driftgate.lifecycle.findings import Finding, Monitor, Reading
from driftgate.lifecycle.measurements import ColumnDrift, DriftMeasurement

UNITS = {
    "normalised_wasserstein": "normalised Wasserstein distance",
    "total_variation": "total variation of the shares",
    "missing_rate": "change of the missing rate",
    "unseen_mass": "share of levels that the snapshot lacks",
    "out_of_range": "share of values beyond one end of the snapshot's",
}


def data_drift(measured: DriftMeasurement, readings: Mapping[str, Sequence[Reading]]) -> tuple[Finding, ...]:
    """A finding per column. `readings`: what loss to expect where that column drifted, by its name."""
    return tuple(_finding(Monitor.DATA_DRIFT, column, measured.level, readings.get(column.name, ())) for column in measured.columns)


def prediction_drift(measured: DriftMeasurement, level: float, readings: Sequence[Reading] = ()) -> tuple[Finding, ...]:
    """The prediction's finding; none where it was not measured."""
    if measured.prediction is None:
        return ()
    return (_finding(Monitor.PREDICTION_DRIFT, measured.prediction, level, readings),)


def _finding(monitor: Monitor, column: ColumnDrift, level: float, readings: Sequence[Reading]) -> Finding:
    said = [_sentence(column)] if column.drifted else []
    return Finding(
        monitor=monitor,
        name=column.name,
        verdict=column.verdict,
        value=column.score,
        limit=column.limit,
        p_value=column.p_value,
        level=level,
        rows=column.rows,
        reference_rows=column.reference_rows,
        reasons=(*said, *column.findings),
        details={"method": column.method, "evidently_method": column.evidently_method, "evidently_score": column.evidently_score},
        readings=tuple(readings) if column.drifted else (),
    )


def _sentence(column: ColumnDrift) -> str:
    unit = UNITS.get(column.method, column.method)
    return f"{unit} {column.score:.4g}, over the {column.limit:.4g} that matters (adjusted p {column.p_value:.2g})"
