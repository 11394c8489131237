"""The head of a drift report's page: the verdict and every column's numbers, above Evidently's plots."""

from collections.abc import Sequence
from html import escape

from driftgate.lifecycle.measurements import ColumnDrift, DriftMeasurement
from driftgate.lifecycle.verdicts import Verdict

HEADINGS = ("column", "verdict", "measure", "score", "limit", "adjusted p", "Evidently's score", "findings")
VERDICTS = {Verdict.FAIL: "drifted", Verdict.PASS: "no drift", Verdict.UNDECIDED: "undecided", Verdict.NOT_APPLICABLE: "not applicable"}
COLOURS = {Verdict.FAIL: "#b00020", Verdict.PASS: "#1b6e2f", Verdict.UNDECIDED: "#8a5a00", Verdict.NOT_APPLICABLE: "#555"}
STYLE = (
    "#driftgate{font:14px/1.45 system-ui,sans-serif;color:#222;background:#fff;max-width:1300px;margin:24px auto;padding:0 24px}"
    "#driftgate h1{font-size:22px}#driftgate table{border-collapse:collapse;width:100%}"
    "#driftgate td,#driftgate th{border-bottom:1px solid #ddd;padding:5px 10px 5px 0;text-align:left;vertical-align:top}"
    "#driftgate strong{white-space:nowrap}"
    "#driftgate .number{font-variant-numeric:tabular-nums;white-space:nowrap}"
)


def headed(page: str, measurement: DriftMeasurement, problems: Sequence[str]) -> str:
    """The page with our section first in its body."""
    return page.replace("<body>", f"<body>{section(measurement, problems)}", 1)


def section(measurement: DriftMeasurement, problems: Sequence[str]) -> str:
    """An HTML section: verdict, sizes, design, a table of columns (drifted first, the prediction last among equals), problems."""
    every = [*measurement.columns, *([measurement.prediction] if measurement.prediction else [])]
    rows = "".join(_row(column) for column in sorted(every, key=lambda column: not column.drifted))
    head = "".join(f"<th>{name}</th>" for name in HEADINGS)
    said = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
    return (
        f'<style>{STYLE}</style><section id="driftgate"><h1>Drift of {escape(measurement.model)}, version {measurement.version}: '
        f"{_coloured(measurement.verdict)}</h1><p>{_design(measurement)}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        f"{f'<h2>Problems</h2><ul>{said}</ul>' if said else ''}</section>"
    )


def _design(measurement: DriftMeasurement) -> str:
    return (
        f"{measurement.rows:,} rows in the window, {measurement.reference_rows:,} in the snapshot. Designed so that the chance of any "
        f"false alarm is at most {measurement.level:.0%}; a column drifts where its adjusted p is at most {measurement.level:g} and its "
        f"score reaches its limit, which allows for what chance gives at these sizes. Seed {measurement.seed}. "
        "Scores are computed on all rows; the plots below may show a sample."
    )


def _row(column: ColumnDrift) -> str:
    numbers = (_number(column.score), _number(column.limit), _number(column.p_value), _number(column.evidently_score))
    cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
    findings = "<br>".join(escape(finding) for finding in column.findings)
    return (
        f"<tr><td>{escape(column.name)}</td><td>{_coloured(column.verdict)}</td>"
        f"<td>{escape(column.method.replace('_', ' '))}</td>{cells}<td>{findings}</td></tr>"
    )


def _coloured(verdict: Verdict) -> str:
    return f'<strong style="color:{COLOURS[verdict]}">{VERDICTS[verdict]}</strong>'


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
