"""The degradation envelope for people: rows of a table, Markdown, and one picture."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from driftgate.lifecycle.measurements import Degradation, ScenarioOutcome
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.plots import BLUE, GREY, VERMILION, new_figure, save, tidy
from driftgate.reports.scenarios import Kind, factor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_FEATURES = 25
MOST_BARS = 20
CUT = 10
"""Bars end at this many limits, so that one scenario does not flatten the others; the number is written beside them."""


def table(envelope: Degradation, *, champion: bool | None = None) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The header and the rows: the base case, then each scenario in order; `-` where a number is not defined.

    `champion`: with a column for the growth beyond the champion's; None: where some scenario has one.
    """
    regression = envelope.loss == "mae"
    with_champion = any(outcome.worse_than_champion for outcome in envelope.scenarios) if champion is None else champion
    second = "RMSE" if regression else "lift"
    bounds = f"{envelope.confidence:.0%} bounds"
    header = (
        "scenario",
        "rows",
        "MAE" if regression else "log-loss",
        second,
        "growth",
        bounds,
        *(("over champion",) if with_champion else ()),
    )
    rows = []
    for outcome in (envelope.base, *envelope.scenarios):
        cells = [outcome.scenario, f"{outcome.rows:,}", _number(outcome.loss), _number(outcome.rmse if regression else outcome.lift)]
        cells += ["-", "-"] if outcome is envelope.base else [_share(outcome.growth.value), _bounds(outcome.growth)]
        if with_champion:
            over = outcome.worse_than_champion
            cells.append("-" if over is None else f"{_share(over.value)} {_bounds(over)}")
        rows.append(tuple(cells))
    return header, rows


def markdown(envelope: Degradation) -> str:
    """The table in Markdown, and the magnitude at which each feature breaks the limit."""
    header, rows = table(envelope)
    lines = [_line(header), _line(tuple("---" if column == 0 else "---:" for column in range(len(header))))]
    lines += [_line(row) for row in rows]
    lines += ["", *(f"- {sentence}" for sentence in remarks(envelope))]
    return "\n".join(lines) + "\n"


def remarks(envelope: Degradation) -> list[str]:
    """What breaks, where, and what could not be scored, a sentence each."""
    limit = f"{envelope.break_limit:.0%}"
    broken = sorted(((size, name) for name, size in envelope.breaks_at.items() if size is not None), key=lambda pair: abs(pair[0] - 1.0))
    sentences = [f"{name} x{factor(size)}: the loss may grow by more than {limit}" for size, name in broken]
    if envelope.breaks_at and not broken:
        sentences.append(f"no feature scaled alone lets the loss grow by more than {limit}")
    return sentences + [f"{outcome.scenario}: {outcome.problem}" for outcome in envelope.scenarios if outcome.problem]


def draw(envelope: Degradation, path: Path | str) -> Path:
    """The path of the PNG: growth by feature and factor, of the multivariate scenarios, and of the others, with the limit."""
    scaled = [outcome for outcome in envelope.scenarios if outcome.kind == Kind.SCALE and len(outcome.features) == 1]
    together = [outcome for outcome in envelope.scenarios if outcome.kind == Kind.MULTIVARIATE]
    rest = [outcome for outcome in envelope.scenarios if outcome not in scaled and outcome not in together]
    others = sorted(rest, key=lambda outcome: -_sortable(outcome))[:MOST_BARS]
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    return save(_figure(envelope, scaled, together, others, len(rest)), target)


def _figure(
    envelope: Degradation, scaled: list[ScenarioOutcome], together: list[ScenarioOutcome], others: list[ScenarioOutcome], of_others: int
) -> "Figure":
    features = min(len({outcome.features[0] for outcome in scaled}), MOST_FEATURES)
    parts = [(name, bars) for name, bars in (("Many features at once", together), (_others_title(others, of_others), others)) if bars]
    heights = [*([features * 0.3 + 0.9] if scaled else []), *(0.3 * len(bars) + 0.9 for _, bars in parts)] or [1.0]
    figure, axes = new_figure(8.4, sum(heights) + 0.6, nrows=len(heights), squeeze=False, gridspec_kw={"height_ratios": heights})
    panels = list(axes[:, 0])
    words = "MAE" if envelope.loss == "mae" else "log-loss"
    figure.suptitle(
        f"Growth of the {words} on {envelope.rows:,} holdout rows (base {envelope.base.loss:.4g})", fontsize=12, x=0.02, ha="left"
    )
    if scaled:
        _heatmap(figure, panels.pop(0), scaled, envelope.break_limit)
    for panel, (title, bars) in zip(panels, parts, strict=False):
        _bars(panel, bars, envelope, title)
    if not scaled and not parts:
        panels[0].set_axis_off()
    return figure


def _others_title(shown: list[ScenarioOutcome], count: int) -> str:
    return "Other scenarios" if len(shown) == count else f"Other scenarios, the worst {len(shown)} of {count}"


def _heatmap(figure: "Figure", axes: "Axes", scaled: list[ScenarioOutcome], limit: float) -> None:
    """One cell a feature and factor: the estimated growth; framed where its upper bound is over the limit."""
    factors = sorted({outcome.magnitude for outcome in scaled})
    cells = {(outcome.features[0], outcome.magnitude): outcome for outcome in scaled}
    worst = {name: max(_sortable(one) for one in scaled if one.features[0] == name) for name, _ in cells}
    names = sorted(worst, key=lambda name: -worst[name])[:MOST_FEATURES]
    values = np.array([[cells[name, size].growth.value if (name, size) in cells else np.nan for size in factors] for name in names])
    reach = max(limit, 1e-9)
    image = axes.imshow(values, cmap="RdBu_r", vmin=-reach, vmax=reach, aspect="auto")
    for row, name in enumerate(names):
        for column, size in enumerate(factors):
            outcome = cells.get((name, size))
            if outcome is not None:
                _cell(axes, column, row, outcome, limit)
    axes.set_xticks(range(len(factors)), [f"x{factor(size)}" for size in factors])
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    more = "" if len(names) == len(worst) else f", the worst {len(names)} of {len(worst)} features"
    axes.set_title(f"One feature scaled{more}; framed: the upper bound is over {limit:.0%}", loc="left", fontsize=10)
    figure.colorbar(image, ax=axes, format=lambda value, _: f"{value:+.0%}", extend="both", pad=0.02, aspect=30)


def _cell(axes: "Axes", column: int, row: int, outcome: ScenarioOutcome, limit: float) -> None:
    from matplotlib.patches import Rectangle

    growth = outcome.growth
    strong = abs(growth.value) > 0.7 * limit  # where the cell is too dark for black text
    axes.text(column, row, _share(growth.value), ha="center", va="center", fontsize=8, color="white" if strong else "black")
    if growth.upper is not None and growth.upper > limit:
        axes.add_patch(Rectangle((column - 0.47, row - 0.44), 0.94, 0.88, fill=False, edgecolor="black", linewidth=1.6))


def _bars(axes: "Axes", outcomes: list[ScenarioOutcome], envelope: Degradation, title: str) -> None:
    """Growth with its bounds, one bar a scenario; vermilion where the upper bound is over the limit."""
    limit, shown = envelope.break_limit, outcomes[::-1]
    values = np.array([one.growth.value for one in shown])
    lower = np.array([_or(one.growth.lower, one.growth.value) for one in shown])
    upper = np.array([_or(one.growth.upper, one.growth.value) for one in shown])
    colours = [VERMILION if high > limit else BLUE for high in upper]
    drawn = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    axes.barh(range(len(shown)), drawn, color=colours, height=0.65, alpha=0.85)
    spread = (np.nan_to_num(np.maximum(values - lower, 0.0)), np.nan_to_num(np.maximum(upper - values, 0.0)))
    axes.errorbar(drawn, range(len(shown)), xerr=spread, fmt="none", ecolor="black", elinewidth=1, capsize=2.5)
    axes.axvline(limit, color=GREY, linestyle="--", linewidth=1.2)
    axes.axvline(0.0, color=GREY, linewidth=0.8)
    left, right = min(0.0, float(np.nan_to_num(lower).min())), min(max(limit, float(np.nan_to_num(upper).max())), CUT * limit)
    axes.set(xlim=(left - 0.04 * (right - left), right + 0.16 * (right - left)), ylim=(-0.6, len(shown) - 0.4))
    for row, one in enumerate(shown):
        words = "not scored" if one.problem else _share(one.growth.value)
        beside = min(max(_or(one.growth.upper, 0.0), 0.0), right) + 0.012 * (right - left)
        axes.text(beside, row, words, va="center", fontsize=8, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0})
    axes.set_yticks(range(len(shown)), [one.scenario if one.kind != Kind.MULTIVARIATE else _labelled(one) for one in shown], fontsize=8)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:+.0%}")
    axes.set_title(f"{title}; dashed: the limit of {limit:.0%}, bars: {envelope.confidence:.0%} bounds", loc="left", fontsize=10)
    tidy(axes, grid="x")


def _labelled(outcome: ScenarioOutcome) -> str:
    return f"{outcome.scenario} ({outcome.rows:,} rows x{factor(outcome.magnitude)})"


def _sortable(outcome: ScenarioOutcome) -> float:
    return outcome.growth.value if np.isfinite(outcome.growth.value) else float("inf")


def _or(bound: float | None, value: float) -> float:
    return value if bound is None else bound


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _number(value: float | None) -> str:
    return "-" if value is None or not np.isfinite(value) else f"{value:.4g}"


def _share(value: float) -> str:
    # Rounded first, so that a trace below zero is not written -0.0%.
    return f"{round(value, 3) + 0.0:+.1%}" if np.isfinite(value) else "-"


def _bounds(estimate: Estimate) -> str:
    if estimate.lower is None or estimate.upper is None:
        return "-"
    return f"[{_share(estimate.lower)}, {_share(estimate.upper)}]"
