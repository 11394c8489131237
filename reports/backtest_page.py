"""A backtest for people: one picture of the losses by period, and a page with every policy, promotion, refusal and alarm."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from driftgate.lifecycle.backtests import Record, Result
from driftgate.reports.plots import BLUE, GREEN, GREY, ORANGE, VERMILION, new_figure, save, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = ((GREY, 1.6), (ORANGE, 5.0), (GREEN, 3.0), (BLUE, 1.4))
"""Colour and width of the lines in their order: policies often have the same champion, and none may hide another."""
MOST_TICKS = 16
HEADINGS = ("policy", "mean loss", "accuracy", "promotions", "corrupted promoted", "regretted", "refused", "alarms")
STYLE = (
    "body{font:14px/1.45 system-ui,sans-serif;color:#222;background:#fff;max-width:1300px;margin:24px auto;padding:0 24px}"
    "h1{font-size:22px}h2{font-size:17px;margin:28px 0 6px}table{border-collapse:collapse;width:100%}"
    "td,th{border-bottom:1px solid #ddd;padding:5px 10px 5px 0;text-align:left;vertical-align:top}"
    ".number{font-variant-numeric:tabular-nums;white-space:nowrap}.bad{color:#b00020}img{max-width:100%;height:auto}"
)


def draw(records: Sequence[Record], results: Mapping[str, Result], loss: str, path: Path) -> Path:
    """The path of the PNG: the loss of each policy by period with its promotions, and below the running mean over all rows so far.

    A corrupted candidate is a dotted line; a promotion of one is a cross.
    """
    served = [record for record in records if record.turns]
    figure, (axes, below) = new_figure(9.6, 6.6, nrows=2, sharex=True, gridspec_kw={"height_ratios": (3, 2)})
    places = np.arange(len(served))
    for place in (place for place, record in zip(places, served, strict=True) if record.corruption):
        axes.axvline(place, color=VERMILION, linestyle=":", linewidth=1, alpha=0.6)
    rows = np.array([record.period.end - record.period.start for record in served])
    for (name, result), (colour, width) in zip(results.items(), STYLES, strict=False):
        said = np.array(result.losses)
        axes.plot(places, said, color=colour, linewidth=width, label=f"{name}: mean {result.mean_loss:.4g}")
        below.plot(places, np.cumsum(said * rows) / np.cumsum(rows), color=colour, linewidth=width)
        _promotions(axes, served, name, said, colour)
    said_loss = "MAE" if loss == "mae" else loss.replace("_", "-")
    axes.set(ylabel=said_loss)
    axes.set_title(f"{said_loss} by period; a dot is a promotion, a cross that of a corrupted candidate", loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.02), ncols=len(results), frameon=False, fontsize=9)
    step = max(1, -(-len(served) // MOST_TICKS))
    below.set_xticks(places[::step], [record.period.name for record in served[::step]], rotation=30, ha="right")
    below.set(ylabel="mean so far")
    for each in (axes, below):
        tidy(each)
    return save(figure, path)


def _promotions(
    axes: "Axes", served: Sequence[Record], name: str, losses: "np.ndarray[tuple[int], np.dtype[np.float64]]", colour: str
) -> None:
    promoted = [place for place, record in enumerate(served) if record.turns[name].promoted]
    sound = [place for place in promoted if served[place].corruption is None]
    broken = [place for place in promoted if served[place].corruption is not None]
    axes.plot(sound, losses[sound], "o", color=colour, markersize=5)
    axes.plot(broken, losses[broken], "X", color=colour, markersize=8, markeredgecolor=VERMILION)


def page(title: str, words: Sequence[str], records: Sequence[Record], results: Mapping[str, Result], picture: Path, own: str) -> str:
    """One HTML file: the policies, the picture (inlined), and each period under the policy `own`. What comes from data is escaped."""
    data = b64encode(picture.read_bytes()).decode("ascii")
    said = "".join(f"<p>{escape(each)}</p>" for each in words)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style></head><body>'
        f"<h1>{escape(title)}</h1>{said}<h2>Policies</h2>{_table(HEADINGS, [_policy(*each) for each in results.items()])}"
        f'<img alt="Loss by period and policy" src="data:image/png;base64,{data}">'
        f"<h2>Why the policy refused</h2>{_refusals(results[own])}"
        f"<h2>Every period under the policy</h2>{_periods(records, own)}</body></html>"
    )


def _policy(name: str, result: Result) -> list[str]:
    accuracy = "" if result.quality is None else f"{result.quality:.4f}"
    counts = (result.promotions, result.corrupted_promoted, result.regretted, result.refused, result.alarms)
    return [escape(name), f"{result.mean_loss:.5g}", accuracy, *map(str, counts)]


def _refusals(result: Result) -> str:
    if not result.refusals:
        return "<p>It refused no candidate.</p>"
    return _table(("gate", "periods in which it blocked"), [[escape(gate), str(count)] for gate, count in result.refusals.items()])


def _periods(records: Sequence[Record], own: str) -> str:
    headings = ("period", "rows", "known", "candidate", "serves", "loss", "verdict", "reasons", "alarms")
    return _table(headings, [_period(record, own) for record in records])


def _period(record: Record, own: str) -> list[str]:
    period, turn = record.period, record.turns.get(own)
    made = "none" if record.candidate is None else str(record.candidate)
    broken = f' <span class="bad">{escape(record.corruption)}</span>' if record.corruption else ""
    head = [escape(period.name), f"{period.end - period.start:,}", f"{period.known:,}", made + broken]
    if turn is None:
        return [*head, "", "", "", escape(record.problem or ""), ""]
    verdict = "promoted" if turn.promoted else turn.verdict.replace("_", " ")
    reasons = "<br>".join(map(escape, turn.reasons or ([record.problem] if record.problem else [])))
    return [*head, str(turn.champion), f"{turn.loss:.5g}", verdict, reasons, escape(", ".join(turn.alarms))]


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in headings)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
