"""The plots of one version on its holdout, as PNG files. Figures are drawn without pyplot, which keeps global state."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.ports import Scorer
from driftgate.lifecycle.schema import Schema, Task
from driftgate.reports import losses
from driftgate.reports.importance import MOST_ROWS, importances

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

# Okabe and Ito's palette, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#6B6B6B"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
MOST_BARS = 20
MOST_POINTS = 5_000
WILSON = 1.96


def draw(
    scorer: Scorer,
    frame: pd.DataFrame,
    y: Floats | Ints,
    outputs: Floats,
    folder: Path | str,
    *,
    threshold: float | None = None,
    seed: int = 0,
) -> tuple[str, ...]:
    """The names of the PNG files written to the folder (made where it is missing).

    Classification: `roc.png` (where both outcomes occur) and `calibration.png`; regression: `predictions.png` and `residuals.png`; both:
    `importance.png`. `frame`: the holdout, conformed; `y`: what `losses.truth` makes of its target; `outputs`: the version's for it.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    schema = scorer.schema
    figures: dict[str, Figure | None] = {}
    if schema.task is Task.REGRESSION:
        figures["predictions.png"], figures["residuals.png"] = _predictions(y, outputs, schema, seed), _residuals(y, outputs, schema, seed)
    else:
        labels = y.astype(np.int64)
        figures["roc.png"], figures["calibration.png"] = _roc(labels, outputs, schema, threshold), _calibration(labels, outputs, schema)
    figures["importance.png"] = _importance(scorer, frame, y, seed)
    return tuple(save(figure, target / name).name for name, figure in figures.items() if figure is not None)


def save(figure: "Figure", path: Path) -> Path:
    """The path, once the figure is written there as PNG; the same figure gives the same bytes."""
    figure.savefig(path, format="png", dpi=110, metadata={"Software": None})
    return path


def new_figure(width: float, height: float, **layout: Any) -> "tuple[Figure, Any]":
    """A figure of that size in inches, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(**layout)


def tidy(axes: "Axes", *, grid: str = "both") -> None:
    """Leaves the axes without box and with a faint grid below the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color="#DDDDDD", linewidth=0.7)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def _roc(y: Ints, outputs: Floats, schema: Schema, threshold: float | None) -> "Figure | None":
    shown = [label for label in ((1,) if schema.task is Task.BINARY else range(len(schema.classes))) if 0 < (y == label).sum() < len(y)]
    if not shown:
        return None
    figure, axes = new_figure(5.6, 5.4)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="chance")
    for position, label in enumerate(shown):
        false, true, cuts = _roc_curve(outputs[:, label], y == label)
        # A scalable palette would need more hues than readers can tell apart, so the line style changes after six.
        style = ("-", "--", ":")[position // len(CYCLE) % 3]
        name = f"{schema.classes[label]} (area {np.trapezoid(true, false):.3f})"
        axes.plot(false, true, color=CYCLE[position % len(CYCLE)], linestyle=style, linewidth=2, label=name)
        if threshold is not None and schema.task is Task.BINARY:
            at = int(np.searchsorted(-cuts, -threshold, side="right")) - 1
            axes.plot(false[at], true[at], "o", color=VERMILION, markersize=8, label=f"threshold {threshold:.3g}")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.set_title(f"ROC on {len(y):,} holdout rows", loc="left")
    axes.legend(loc="lower right", frameon=False, fontsize=9 if len(shown) <= len(CYCLE) else 7)
    tidy(axes)
    return figure


def _roc_curve(score: Floats, positive: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """False and true positive rates, and the probability from which each holds; the first point is the origin."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    true = np.append(0, np.cumsum(positive[order])[last]) / positive.sum()
    false = np.append(0, np.cumsum(~positive[order])[last]) / (~positive).sum()
    return false, true, np.append(np.inf, ranked[last])


def _calibration(y: Ints, outputs: Floats, schema: Schema) -> "Figure | None":
    if schema.task is Task.BINARY:
        said, hit, what = outputs[:, 1], (y == 1).astype(np.float64), f"probability of {schema.classes[1]}"
    else:
        said, hit, what = outputs.max(axis=1), (outputs.argmax(axis=1) == y).astype(np.float64), "probability of the most probable class"
    bins = losses.calibration_bins(said)
    count = np.bincount(bins)
    mean, rate = np.bincount(bins, weights=said) / count, np.bincount(bins, weights=hit) / count
    lower, upper = _wilson(rate, count)
    figure, (axes, below) = new_figure(5.6, 6.4, nrows=2, sharex=True, gridspec_kw={"height_ratios": (4, 1)})
    top = min(1.02, 1.08 * max(float(upper.max()), float(mean.max()), 0.05))
    axes.plot([0, top], [0, top], color=GREY, linestyle="--", linewidth=1, label="perfectly calibrated")
    bars = (np.maximum(rate - lower, 0.0), np.maximum(upper - rate, 0.0))
    axes.errorbar(mean, rate, yerr=bars, fmt="o-", color=BLUE, ecolor=BLUE, elinewidth=1.2, capsize=3, label="observed, 95 % interval")
    axes.set(ylabel="observed share", xlim=(0, top), ylim=(0, top))
    axes.set_title(f"Calibration on {len(y):,} holdout rows, ECE {losses.ece(outputs, y):.3f}", loc="left")
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    below.hist(said, bins=np.linspace(0, top, 41).tolist(), color=SKY, edgecolor="white", linewidth=0.4)
    below.set(xlabel=f"predicted {what}", ylabel="rows")
    for each in (axes, below):
        tidy(each)
    return figure


def _wilson(rate: Floats, count: Ints) -> tuple[Floats, Floats]:
    """Wilson's (1927) 95 % interval of a share, which stays inside [0, 1] for a few rows."""
    centre = (rate + WILSON**2 / (2 * count)) / (1 + WILSON**2 / count)
    reach = WILSON / (1 + WILSON**2 / count) * np.sqrt(rate * (1 - rate) / count + WILSON**2 / (4 * count**2))
    return centre - reach, centre + reach


def _sampled(y: Floats | Ints, outputs: Floats, seed: int) -> tuple[Floats, Floats]:
    if len(y) <= MOST_POINTS:
        return y.astype(np.float64), outputs
    chosen = np.random.default_rng(seed).permutation(len(y))[:MOST_POINTS]
    return y[chosen].astype(np.float64), outputs[chosen]


def _predictions(y: Floats | Ints, outputs: Floats, schema: Schema, seed: int) -> "Figure":
    actual, said = _sampled(y, outputs, seed)
    figure, axes = new_figure(5.6, 5.4)
    low, high = float(min(actual.min(), said.min())), float(max(actual.max(), said.max()))
    axes.plot([low, high], [low, high], color=VERMILION, linestyle="--", linewidth=1.5, label="perfect")
    axes.plot(said, actual, "o", color=BLUE, markersize=3, alpha=0.35, markeredgewidth=0, label="rows")
    axes.set(xlabel=f"predicted {schema.target}", ylabel=f"actual {schema.target}")
    axes.set_title(f"Predictions on {len(y):,} holdout rows, MAE {np.abs(y - outputs).mean():.4g}", loc="left")
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    tidy(axes)
    return figure


def _residuals(y: Floats | Ints, outputs: Floats, schema: Schema, seed: int) -> "Figure":
    actual, said = _sampled(y, outputs, seed)
    residual = actual - said
    figure, (axes, side) = new_figure(7.4, 4.6, ncols=2, sharey=True, gridspec_kw={"width_ratios": (4, 1)})
    axes.plot(said, residual, "o", color=BLUE, markersize=3, alpha=0.35, markeredgewidth=0)
    side.hist(residual, bins=40, orientation="horizontal", color=SKY, edgecolor="white", linewidth=0.4)
    axes.set(xlabel=f"predicted {schema.target}", ylabel="actual - predicted")
    side.set(xlabel="rows")
    axes.set_title(f"Residuals on {len(y):,} holdout rows, mean {float((y - outputs).mean()):+.4g}", loc="left")
    for each in (axes, side):
        each.axhline(0.0, color=VERMILION, linestyle="--", linewidth=1.2)
        tidy(each)
    return figure


def _importance(scorer: Scorer, frame: pd.DataFrame, y: Floats | Ints, seed: int) -> "Figure | None":
    found = importances(scorer, frame, y, seed=seed)
    if not found:
        return None
    shown = found[:MOST_BARS][::-1]
    figure, axes = new_figure(7.0, 1.4 + 0.28 * len(shown))
    means = np.array([one.mean for one in shown])
    spread = (means - [one.least for one in shown], np.array([one.most for one in shown]) - means)
    names = [one.feature if len(one.feature) <= 32 else f"{one.feature[:31]}…" for one in shown]  # noqa: PLR2004 - what fits beside the bars
    axes.barh(range(len(shown)), means, xerr=spread, color=BLUE, ecolor=GREY, error_kw={"elinewidth": 1, "capsize": 2}, height=0.7)
    axes.set_yticks(range(len(shown)), names)
    axes.axvline(0.0, color=GREY, linewidth=1)
    axes.set_xlabel(f"growth of {losses.loss_name(scorer.schema).replace('_', '-')} when the feature is shuffled")
    rest = f", the first {MOST_BARS} of {len(found)} features" if len(found) > MOST_BARS else ""
    axes.set_title(f"Permutation importance on {min(len(frame), MOST_ROWS):,} holdout rows{rest}", loc="left")
    tidy(axes, grid="x")
    return figure
