"""What a replayed month came to, and all of them as a table, figures and a plot."""

import math
from collections.abc import Sequence
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


def summary(months: Sequence[Month]) -> dict[str, Any]:
    """The figures of the JSON line. Means are over rows."""
    sizes = [month.rows for month in months]
    first = next((month for month in months if month.fired), None)
    mean = {
        name: round(float(np.average([getattr(month, name) for month in months], weights=sizes)), 4)
        for name in ("served", "never", "always")
    }
    return {
        "months": len(months),
        "rows": sum(sizes),
        **{f"{name}_loss": value for name, value in mean.items()},
        "due": sum(month.due for month in months),
        "retrains": sum(bool(month.fired) for month in months),
        "retrains_in_between": [month.name for month in months if month.fired and not month.due],
        "due_and_missed": [month.name for month in months if month.due and not month.fired],
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
    """The three policies' loss month by month, and where a retrain started and a version was promoted."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), dpi=90, layout="constrained")
    axes = figure.subplots()
    places = range(len(months))
    for name, style in (("never", "C7--"), ("always", "C1:"), ("served", "C0-")):
        axes.plot(places, [getattr(month, name) for month in months], style, label=name, linewidth=2)
    for which, marker, label in (("fired", "v", "retrain started"), ("promotion", "^", "candidate promoted")):
        at = [place for place in places if (months[place].fired if which == "fired" else months[place].promotion == "promoted")]
        height = 0.02 if which == "fired" else 0.06
        axes.plot(
            at,
            [height] * len(at),
            f"C3{marker}" if which == "fired" else f"C2{marker}",
            label=label,
            clip_on=False,
            transform=axes.get_xaxis_transform(),
        )
    axes.set(ylabel="log-loss of the month", xticks=list(places), ylim=(0, None))
    axes.set_xticklabels([month.name for month in months], rotation=60, ha="right", fontsize=8)
    axes.legend(fontsize=8)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file)
