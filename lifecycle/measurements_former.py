"""What is measured of a candidate beside those that were champion before: values only."""

from dataclasses import dataclass

from driftgate.lifecycle.measurements_live import Beyond
from driftgate.lifecycle.verdicts import Estimate

NOTHING = Estimate(float("nan"))


@dataclass(frozen=True, slots=True)
class FormerChampion:
    """The candidate beside a former champion, on those rows of the comparison that this one was not trained on either.

    `difference`: mean of (candidate's loss - its loss) per row, with one-sided bounds each at the comparison's confidence. `beyond`: how
    sure it is that this is over `margin` x `loss`, its own; None on too few rows for any bound. `excluded`: rows of the comparison that it
    was trained on. `problem`: why the two cannot be compared; then there is nothing else.
    """

    version: int
    rows: int = 0
    excluded: int = 0
    candidate_loss: float = float("nan")
    loss: float = float("nan")
    margin: float = float("nan")
    difference: Estimate = NOTHING
    beyond: Beyond | None = None
    problem: str | None = None
