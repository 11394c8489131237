"""What a replayed month came to, and all of them as a table, figures and a plot."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass
class Month:
    """One block of rows and what became of it. `losses`: of what was served, a row each, in order."""

    name: str
    start: int
    rows: int
    positive: float
    version: int
    losses: npt.NDArray[np.float64]
    alarms: list[str]
    fired: list[str]
    held: list[str]
    candidate: int | None = None
    promotion: str = ""
    never: float = math.nan
    always: float = math.nan
    reference: float = math.nan
    due: bool = False
    seconds: float = field(default=0.0, repr=False)

    @property
    def served(self) -> float:
        """The mean log-loss of what was answered."""
        return float(self.losses.mean())

    @property
    def asked(self) -> bool:
        """Whether an alarm asked for a retrain, which then started or was held back."""
        return bool(self.fired or self.held)


@dataclass(frozen=True, slots=True)
class Shift:
    """A longest run of months that were due for one serving version. `lag`: months from its first to its first retrain; None: none came.

    It ends where another version serves or a month is not due, so what is due under a version fitted on it is another shift.
    """

    months: tuple[Month, ...]

    @property
    def retrains(self) -> int:
        """How many were started in it, whatever became of them."""
        return sum(bool(month.fired) for month in self.months)

    @property
    def lag(self) -> int | None:
        """0 where its first month brought a retrain."""
        return next((place for place, month in enumerate(self.months) if month.fired), None)


def shifts(months: Sequence[Month]) -> Iterator[Shift]:
    """The shifts, in order."""
    for (due, _), run in itertools.groupby(months, lambda month: (month.due, month.version)):
        if due:
            yield Shift(tuple(run))


def spells(months: Sequence[Month]) -> Iterator[Shift]:
    """The longest runs of due months whoever served, in order: a stricter count than `shifts`, which no promotion cuts in two."""
    for due, run in itertools.groupby(months, lambda month: month.due):
        if due:
            yield Shift(tuple(run))


def summary(months: Sequence[Month]) -> dict[str, Any]:
    """The figures of the JSON line. Means are over rows."""
    found = list(shifts(months))
    sizes = [month.rows for month in months]
    first = next((month for month in months if month.asked), None)
    mean = {
        name: round(float(np.average([getattr(month, name) for month in months], weights=sizes)), 4)
        for name in ("served", "never", "always")
    }
    return {
        "months": len(months),
        "rows": sum(sizes),
        **{f"{name}_loss": value for name, value in mean.items()},
        "due": sum(month.due for month in months),
        "shifts": len(found),
        "retrains": sum(bool(month.fired) for month in months),
        "retrains_per_shift": [shift.retrains for shift in found],
        "shift_lags": [shift.lag for shift in found],
        "retrains_per_spell": [spell.retrains for spell in spells(months)],
        "retrains_in_between": [month.name for month in months if month.fired and not month.due],
        "alarms_in_between": [month.name for month in months if month.asked and not month.due],
        "due_and_held": [month.name for month in months if month.due and month.held],
        "due_and_missed": [month.name for month in months if month.due and not month.asked],
        "promotions": sum(month.promotion == "promoted" for month in months),
        "first_alarm": first.name if first else None,
        "first_alarm_true": first.due if first else None,
        "seconds": round(sum(month.seconds for month in months)),
    }


def table(months: Sequence[Month]) -> list[str]:
    """Lines for people and for the page, as Markdown."""
    lines = [
        "| month | rows | positive | version | holdout | served | never | always | due | alarms | retrain | candidate |",
        "|---" * 12 + "|",
    ]
    for month in months:
        figures = " | ".join(f"{value:.3f}" for value in (month.reference, month.served, month.never, month.always))
        retrain = ", ".join(month.fired) or ("held: " + "; ".join(month.held) if month.held else "")
        became = f"{month.candidate}: {month.promotion}" if month.candidate else month.promotion
        head = f"| {month.name} | {month.rows:,} | {month.positive:.3f} | {month.version} | {figures} | {'yes' if month.due else ''}"
        lines.append(f"{head} | {', '.join(month.alarms)} | {retrain} | {became} |")
    return lines


def plot(months: Sequence[Month], file: Path) -> None:
    """The three policies' loss month by month, the shifts, and where a retrain started and a version was promoted."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), dpi=90, layout="constrained")
    axes = figure.subplots()
    places = range(len(months))
    where = {month.name: place for place, month in enumerate(months)}
    for number, shift in enumerate(shifts(months)):
        edges = (where[shift.months[0].name] - 0.46, where[shift.months[-1].name] + 0.46)
        axes.axvspan(*edges, color="C7", alpha=0.2, linewidth=0, label="due: a shift" if number == 0 else None)
    for name, style in (("never", "C7--"), ("always", "C1:"), ("served", "C0-")):
        axes.plot(places, [getattr(month, name) for month in months], style, label=name, linewidth=2)
    marks = (
        ("retrain held back", "C4x", 0.03, [bool(month.held) for month in months]),
        ("retrain started", "C3v", 0.03, [bool(month.fired) for month in months]),
        ("candidate promoted", "C2^", 0.08, [month.promotion == "promoted" for month in months]),
    )
    for label, style, height, there in marks:
        at = [place for place in places if there[place]]
        axes.plot(at, [height] * len(at), style, label=label, clip_on=False, transform=axes.get_xaxis_transform())
    axes.set(ylabel="log-loss of the month", xticks=list(places), ylim=(0, None))
    axes.set_xticklabels([month.name for month in months], rotation=60, ha="right", fontsize=8)
    figure.legend(loc="outside upper center", ncols=7, fontsize=8, columnspacing=1.0, handlelength=1.6)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file)
