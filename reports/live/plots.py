"""The plots of a version on the rows it serves, as PNG files."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from driftgate.lifecycle.measurements_live import Calibration, ConceptShift, OutputsMeasurement, PerformanceOverTime
from driftgate.lifecycle.schema import Task
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.plots import BLUE, GREY, ORANGE, SKY, VERMILION, new_figure, save, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST_SPAN = 0.02
"""The shortest axis of a reliability curve, so that rare outcomes do not fill it with noise."""


def reliability(measured: Calibration, path: Path) -> Path | None:
    """The path of the reliability curve; None where there are no rows. Below it, the rows of each bin."""
    if not measured.bins:
        return None
    figure, (axes, below) = new_figure(5.6, 6.2, nrows=2, sharex=True, gridspec_kw={"height_ratios": (4, 1)})
    said = np.array([part.said for part in measured.bins])
    observed = [part.observed for part in measured.bins]
    ends = [value for one in observed for value in (one.value, one.lower, one.upper) if value is not None]
    low, high = min(float(said.min()), *ends), max(float(said.max()), *ends)
    pad = 0.05 * max(high - low, LEAST_SPAN)
    limits = (low - pad, high + pad)
    axes.plot(limits, limits, color=GREY, linestyle="--", linewidth=1, label="perfect")
    _points(axes, said, observed, f"observed, one-sided {measured.confidence:.0%} bounds")
    axes.set(ylabel="observed share" if measured.ece is not None else "mean truth", xlim=limits, ylim=limits)
    axes.set_title(_calibration_title(measured), loc="left", fontsize=10.5)
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    below.vlines(said, 0, [part.rows for part in measured.bins], color=SKY, linewidth=6)
    below.set(xlabel="predicted", ylabel="rows")
    below.set_ylim(bottom=0)
    for each in (axes, below):
        tidy(each)
    return _saved(figure, path)


def _calibration_title(measured: Calibration) -> str:
    ece = "" if measured.ece is None else f"\nECE {measured.ece:.3f}, by chance {measured.ece_by_chance or 0.0:.3f}"
    fit = [f"{name} {one.value:.2f}" for name, one in (("intercept", measured.intercept), ("slope", measured.slope)) if one is not None]
    return f"Calibration on {measured.rows:,} matured rows{ece}{'; ' if ece and fit else chr(10) if fit else ''}{', '.join(fit)}"


def over_time(
    measured: PerformanceOverTime, metric: str, path: Path, *, limit: float | None = None, holdout: float | None = None
) -> Path | None:
    """The path of one metric by period with its bounds, the limit and the holdout's value; None where no period has it."""
    known = [part for part in measured.periods if metric in part.metrics]
    if not known:
        return None
    figure, (axes, below) = new_figure(8.0, 5.0, nrows=2, sharex=True, gridspec_kw={"height_ratios": (4, 1)})
    middles = [part.start + (part.end - part.start) / 2 for part in known]
    estimates = [part.metrics[metric] for part in known]
    values = np.array([one.value for one in estimates])
    lower = np.array([np.nan if one.lower is None else one.lower for one in estimates])
    upper = np.array([np.nan if one.upper is None else one.upper for one in estimates])
    axes.fill_between(middles, lower, upper, color=SKY, alpha=0.35, linewidth=0, label=f"one-sided {measured.confidence:.0%} bounds")
    axes.plot(middles, values, "o-", color=BLUE, markersize=4, linewidth=1.6, label=metric)
    if holdout is not None:
        axes.axhline(holdout, color=GREY, linestyle="--", linewidth=1.2, label=f"holdout {holdout:.4g}")
    if limit is not None:
        axes.axhline(limit, color=VERMILION, linewidth=1.4, label=f"limit {limit:g}")
    axes.set(ylabel=metric)
    axes.set_title(f"{metric} by {measured.period}, matured outcomes", loc="left")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=4, frameon=False, fontsize=9)
    _row_bars(below, [(part.start, part.end, part.rows) for part in known])
    for each in (axes, below):
        tidy(each)
    return _saved(figure, path)


def mean_output(measured: OutputsMeasurement, path: Path) -> Path | None:
    """The path of the mean output by period with two standard errors; None without times."""
    if not measured.periods:
        return None
    figure, (axes, below) = new_figure(8.0, 5.0, nrows=2, sharex=True, gridspec_kw={"height_ratios": (4, 1)})
    middles = [part.start + (part.end - part.start) / 2 for part in measured.periods]
    means = [part.mean for part in measured.periods]
    bars = [np.nan if part.error is None else 2.0 * part.error for part in measured.periods]
    axes.errorbar(
        middles, means, yerr=bars, fmt="o-", color=BLUE, markersize=4, elinewidth=1.2, capsize=3, label="mean, two standard errors"
    )
    if measured.reference_mean is not None:
        axes.axhline(measured.reference_mean, color=GREY, linestyle="--", linewidth=1.2, label=f"holdout {measured.reference_mean:.4g}")
    name = {Task.BINARY: "positive class's probability", Task.MULTICLASS: "most probable class's probability"}.get(
        measured.task, "prediction"
    )
    axes.set(ylabel=f"mean {name}")
    axes.set_title(f"Mean {name} by {measured.period}", loc="left")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=2, frameon=False, fontsize=9)
    _row_bars(below, [(part.start, part.end, part.rows) for part in measured.periods])
    for each in (axes, below):
        tidy(each)
    return _saved(figure, path)


def concept_bars(measured: ConceptShift, path: Path) -> Path:
    """The path of the growth and its parts with their bounds; what could not be told apart is said in place of its bar."""
    parts = (
        ("whole growth", measured.total, GREY),
        ("covariate:\nother rows, old outcomes", measured.covariate, BLUE),
        ("concept:\nsuch rows, new outcomes", measured.concept, VERMILION),
        ("outside what\nboth share", measured.outside, ORANGE),
    )
    figure, axes = new_figure(7.6, 3.8)
    for place, (_, estimate, colour) in enumerate(parts[::-1]):
        if estimate is None:
            axes.annotate("not to be told", (0.0, place), xytext=(6, 0), textcoords="offset points", va="center", color=GREY, fontsize=9)
            continue
        axes.barh(place, estimate.value, color=colour, height=0.6)
        if estimate.lower is not None and estimate.upper is not None:
            axes.plot([estimate.lower, estimate.upper], [place, place], color="black", linewidth=1.4, marker="|", markersize=8)
    axes.axvline(0.0, color=GREY, linewidth=1)
    axes.set_yticks(range(len(parts)), [name for name, _, _ in parts[::-1]])
    axes.set_xlabel(f"change of the mean {measured.loss.replace('_', '-')}, one-sided {measured.confidence:.0%} bounds")
    title = f"{measured.loss.replace('_', '-')} {measured.reference_loss:.4g} on the holdout, {measured.current_loss:.4g} in the window"
    overlap = (
        ""
        if measured.auc is None or measured.outside_share is None
        else (f"\nAUC between both {measured.auc:.2f}; {measured.outside_share:.0%} of the window outside")
    )
    axes.set_title(title + overlap, loc="left", fontsize=10.5)
    tidy(axes, grid="x")
    return _saved(figure, path)


def _points(axes: "Axes", at: "np.ndarray[tuple[int], np.dtype[np.float64]]", estimates: list[Estimate], label: str) -> None:
    values = np.array([one.value for one in estimates])
    below = [one.value - one.lower if one.lower is not None else 0.0 for one in estimates]
    above = [one.upper - one.value if one.upper is not None else 0.0 for one in estimates]
    axes.errorbar(at, values, yerr=(below, above), fmt="o-", color=BLUE, ecolor=BLUE, elinewidth=1.2, capsize=3, markersize=4, label=label)


def _row_bars(axes: "Axes", parts: list[tuple[datetime, datetime, int]]) -> None:
    starts = [start for start, _, _ in parts]
    widths = [end - start for start, end, _ in parts]
    axes.bar(starts, [rows for _, _, rows in parts], width=widths, align="edge", color=SKY, edgecolor="white", linewidth=0.6)  # type: ignore[arg-type]
    axes.set(ylabel="rows")
    axes.tick_params(axis="x", labelsize=9)


def _saved(figure: "Figure", path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return save(figure, path)
