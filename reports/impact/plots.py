"""Impact over time and the challenger's confidence sequences, as PNG files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from driftgate.lifecycle.measurements_impact import Duel, ImpactMeasurement, Pairing, Period, Standing
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.plots import BLUE, GREEN, GREY, ORANGE, VERMILION, new_figure, save, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NAMES = 14
"""Names of periods that fit below the axis; of more, every second, third ... is written."""
COLOURS = {Standing.BETTER: GREEN, Standing.WORSE: VERMILION, Standing.UNDECIDED: BLUE}


def draw(measured: ImpactMeasurement | None, duels: Sequence[Duel], folder: Path | str) -> tuple[str, ...]:
    """The names of the PNG files written to the folder (made where it is missing).

    `impact.png` where impact was measured and any period has both arms; `challenger-PAIRING-MEASURE.png` for each duel, such as
    `challenger-arms-outcome.png`.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    figures = {f"challenger-{duel.pairing.value}-{duel.measure}.png": _sequence(duel) for duel in duels}
    if measured is not None and measured.periods:
        figures = {"impact.png": _impact(measured), **figures}
    return tuple(save(figure, target / name).name for name, figure in figures.items())


def _impact(measured: ImpactMeasurement) -> "Figure":
    """Above the difference of each period with its interval; below what it comes to so far, and what that is worth."""
    figure, (above, below) = new_figure(8.0, 6.6, nrows=2, sharex=True)
    periods = measured.periods
    places = np.arange(len(periods))
    _band(above, places, [period.so_far.difference for period in periods], ORANGE, "so far")
    _points(above, places, [period.within.difference for period in periods])
    above.set(ylabel="difference, model - heuristic")
    above.set_title(f"Impact of {measured.model}: {measured.favourable}", loc="left")
    _band(below, places, [period.so_far.saved for period in periods], GREEN, f"so far, {measured.confidence:.0%} interval")
    below.set(ylabel="entities saved so far")
    _names(below, periods)
    if measured.value_per_entity not in (0.0, 1.0):
        factor = measured.value_per_entity
        worth = below.secondary_yaxis("right", functions=(lambda saved: saved * factor, lambda value: value / factor))
        worth.set_ylabel(f"value ({factor:g} an entity)")
    for each in (above, below):
        each.axhline(0.0, color=GREY, linewidth=1)
        each.legend(frameon=False, fontsize=9)
        tidy(each)
    return figure


def _points(axes: "Axes", places: "np.ndarray[tuple[int], np.dtype[np.int64]]", found: Sequence[Estimate | None]) -> None:
    values, lower, upper = _columns(found)
    spread = (np.nan_to_num(values - lower), np.nan_to_num(upper - values))
    axes.errorbar(
        places,
        values,
        yerr=spread,
        fmt="o",
        color=BLUE,
        ecolor=BLUE,
        elinewidth=1.2,
        capsize=3,
        label="each period that has enough entities",
    )


def _band(
    axes: "Axes", places: "np.ndarray[tuple[int], np.dtype[np.int64]]", found: Sequence[Estimate | None], colour: str, name: str
) -> None:
    values, lower, upper = _columns(found)
    axes.fill_between(places, lower, upper, color=colour, alpha=0.2, linewidth=0)
    axes.plot(places, values, color=colour, linewidth=2, marker="o", markersize=3, label=name)


def _columns(found: Sequence[Estimate | None]) -> "tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]":
    """Values and bounds; NaN, which is not drawn, where there are no bounds: a lone value would be taken for more than it is."""
    rows = [(None, None, None) if each is None or each.lower is None else (each.value, each.lower, each.upper) for each in found]
    return tuple(np.array([np.nan if row[part] is None else row[part] for row in rows], dtype=np.float64) for part in range(3))


def _names(axes: "Axes", periods: Sequence[Period]) -> None:
    step = -(-len(periods) // MOST_NAMES)
    axes.set_xticks(range(0, len(periods), step), [period.name for period in periods[::step]], rotation=45, ha="right", fontsize=8)


def _sequence(duel: Duel) -> "Figure":
    """The difference at each look that has bounds, which hold together; where none has, alone."""
    figure, axes = new_figure(8.0, 4.2)
    looks = [look for look in duel.looks if look.difference.lower is not None] or duel.looks
    times = np.array([np.datetime64(look.at.replace(tzinfo=None), "s") for look in looks])
    values, lower, upper = _columns([look.difference for look in looks])
    colour = COLOURS[duel.standing]
    axes.fill_between(
        times, lower, upper, color=colour, alpha=0.2, linewidth=0, label=f"bounds that hold at all looks together, {1.0 - duel.level:.0%}"
    )
    if np.isfinite(lower).any():
        axes.plot(times, values, color=colour, linewidth=2, label="challenger - champion")
    else:
        alone = [look.difference.value for look in looks]
        axes.plot(
            times, alone, color=GREY, linewidth=1, marker="o", markersize=3, label="challenger - champion: too few entities for bounds"
        )
    axes.axhline(0.0, color=GREY, linewidth=1)
    if duel.decided_at is not None:
        axes.axvline(
            np.datetime64(duel.decided_at.replace(tzinfo=None), "s"),
            color=VERMILION,
            linestyle="--",
            linewidth=1.2,
            label="decided",
        )
    rows = "same rows" if duel.pairing is Pairing.SHADOW else "entities of their own"
    axes.set(ylabel=f"difference in {duel.measure.replace('_', '-')}")
    axes.set_title(f"Version {duel.challenger} against {duel.champion}, {rows}: {duel.standing.value}", loc="left")
    axes.legend(frameon=False, fontsize=9)
    axes.tick_params(axis="x", rotation=30)
    tidy(axes)
    return figure
