"""The page of a monitoring pass: every finding with its numbers, what loss to expect, and the plots, inlined."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path

from driftgate.lifecycle.findings import ASSUMED, Finding, Reading
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.verdicts import Estimate, Verdict, combined

BARE_PAGE = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Monitoring</title></head><body></body></html>'
HEADINGS = ("monitor", "finding", "verdict", "value", "limit", "p", "rows", "against", "reasons")
COLOURS = {Verdict.FAIL: "#b00020", Verdict.PASS: "#1b6e2f", Verdict.UNDECIDED: "#8a5a00", Verdict.NOT_APPLICABLE: "#555"}
ORDER = (Verdict.FAIL, Verdict.UNDECIDED, Verdict.PASS, Verdict.NOT_APPLICABLE)
MOST_FINDINGS = 1_000
"""Rows of the table, those that alarm first: a model of thousands of columns must not make a page that no browser opens."""

STYLE = (
    "#pass{font:14px/1.45 system-ui,sans-serif;color:#222;background:#fff;max-width:1300px;margin:24px auto;padding:0 24px}"
    "#pass h1{font-size:22px}#pass h2{font-size:17px;margin:28px 0 6px}#pass table{border-collapse:collapse;width:100%}"
    "#pass td,#pass th{border-bottom:1px solid #ddd;padding:5px 10px 5px 0;text-align:left;vertical-align:top}"
    "#pass strong{white-space:nowrap}#pass .number{font-variant-numeric:tabular-nums;white-space:nowrap}"
    "#pass img{max-width:100%;height:auto;margin:6px 16px 6px 0;vertical-align:top}"
)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page below the findings: a heading, and sentences, pictures (PNG files) or both."""

    heading: str
    words: tuple[str, ...] = ()
    pictures: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """What the page is about: see `lifecycle.findings.Pass`."""

    model: str
    version: int
    at: datetime
    window: Window
    judged: Window | None
    rows: int
    level: float


def topped(page: str, looked: Looked, findings: Sequence[Finding], parts: Sequence[Part], problems: Sequence[str]) -> str:
    """The page with our section first in its body. `page`: Evidently's, or `BARE_PAGE`."""
    return page.replace("<body>", f"<body>{section(looked, findings, parts, problems)}", 1)


def section(looked: Looked, findings: Sequence[Finding], parts: Sequence[Part], problems: Sequence[str]) -> str:
    """An HTML section: verdict, window, findings (alarms first), expected loss, the parts in their order, and what went wrong.

    Whatever comes from data is escaped, and no picture is fetched: each is a data URI.
    """
    verdict = combined(finding.verdict for finding in findings)
    said = "".join(f"<li>{escape(problem)}</li>" for problem in problems)
    return (
        f'<style>{STYLE}</style><section id="pass"><h1>Monitoring of {escape(looked.model)}, version {looked.version}: '
        f"{_coloured(verdict)}</h1><p>{_sizes(looked)}</p>"
        f"{f'<h2>Not looked at</h2><ul>{said}</ul>' if said else ''}"
        f"<h2>Findings</h2>{_table(findings)}<h2>Loss to expect</h2>{_expected(findings)}"
        f"{''.join(map(_part, parts))}</section>"
    )


def _sizes(looked: Looked) -> str:
    judged = "no outcome has matured" if looked.judged is None else f"outcomes of {_span(looked.judged)}"
    return (
        f"Payloads of {_span(looked.window)} ({looked.rows:,}); {judged}; looked at {looked.at:%Y-%m-%d %H:%M} UTC. Designed so that the "
        f"chance of any false alarm in this pass is at most {100 * looked.level:.2g} %. A finding fails where its value is surely beyond "
        "its limit; undecided means too little evidence, and alarms nobody."
    )


def _table(findings: Sequence[Finding]) -> str:
    ordered = sorted(findings, key=lambda finding: ORDER.index(finding.verdict))
    rows = "".join(map(_row, ordered[:MOST_FINDINGS]))
    rest = len(ordered) - MOST_FINDINGS
    more = f"<p>{rest:,} more findings, none of which comes before these, are in the pass itself.</p>" if rest > 0 else ""
    return f"<table><thead><tr>{''.join(f'<th>{name}</th>' for name in HEADINGS)}</tr></thead><tbody>{rows}</tbody></table>{more}"


def _row(finding: Finding) -> str:
    value = _number(finding.value) + _bounds(finding.lower, finding.upper)
    sizes = (f"{rows:,}" if rows else "" for rows in (finding.rows, finding.reference_rows))
    p_value = "" if finding.p_value is None else f"{finding.p_value:.2g}"
    cells = "".join(f'<td class="number">{cell}</td>' for cell in (value, _number(finding.limit), p_value, *sizes))
    return (
        f"<tr><td>{finding.monitor.value}</td><td>{escape(finding.name)}</td><td>{_coloured(finding.verdict)}</td>{cells}"
        f"<td>{'<br>'.join(escape(reason) for reason in finding.reasons)}</td></tr>"
    )


def _expected(findings: Sequence[Finding]) -> str:
    rows = "".join(_reading(finding, reading) for finding in findings for reading in finding.readings)
    if not rows:
        return "<p>Nothing drifted that asks for a reading of the loss to expect.</p>"
    head = "".join(f"<th>{name}</th>" for name in ("finding", "assumption", "growth of the loss", "how it was read"))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _reading(finding: Finding, reading: Reading) -> str:
    growth = "not known" if reading.growth is None else _growth(reading.growth)
    return (
        f"<tr><td>{escape(finding.subject)}</td><td>{ASSUMED[reading.assumption]}</td>"
        f'<td class="number">{growth}</td><td>{escape(reading.words)}</td></tr>'
    )


def _growth(growth: Estimate) -> str:
    bounds = ("?" if bound is None else f"{bound:+.1%}" for bound in (growth.lower, growth.upper))
    return f"{growth.value:+.1%} ({' to '.join(bounds)})"


def _part(part: Part) -> str:
    return f"<h2>{escape(part.heading)}</h2>{''.join(_pictured(part))}"


def _pictured(part: Part) -> Iterator[str]:
    yield from (f"<p>{escape(words)}</p>" for words in part.words)
    for picture in part.pictures:
        data = b64encode(picture.read_bytes()).decode("ascii")
        yield f'<img alt="{escape(part.heading)}: {escape(picture.stem)}" src="data:image/png;base64,{data}">'


def _coloured(verdict: Verdict) -> str:
    return f'<strong style="color:{COLOURS[verdict]}">{verdict.value.replace("_", " ")}</strong>'


def _bounds(lower: float | None, upper: float | None) -> str:
    return "" if lower is None and upper is None else f" [{_number(lower) or '?'}, {_number(upper) or '?'}]"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _span(window: Window) -> str:
    return f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC"
