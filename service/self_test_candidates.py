"""The candidates of a self-test: one that is the champion fitted again, and known-bad ones of the project's own data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftgate.lifecycle.plan import ModelPlan
from driftgate.lifecycle.schema import Schema

if TYPE_CHECKING:
    import pandas as pd

REFIT = "identical_refit"

SHOULD_BLOCK: Mapping[str, tuple[str, ...]] = {
    REFIT: (),
    "shuffled_labels": ("performance", "comparison", "calibration"),
    "leaked_target": ("data_quality",),
    "distorted_outputs": ("calibration", "comparison"),
    "a_tenth_of_the_rows": ("comparison", "performance", "calibration", "slices"),
    "broken_segment": ("slices", "comparison"),
    "swapped_features": ("data_quality", "comparison", "performance", "calibration", "slices"),
    "a_year_old": ("comparison", "performance", "calibration", "slices", "data_quality", "freshness"),
    "constant_output": ("performance", "comparison"),
}
"""Each kind of candidate, and the gates of which at least one should refuse it, if it does harm: another one would do so by accident."""

MOST_HELD = 0.6
"""Share of the rows that may be held out, where the plan does not hold out more: the rest is trained on."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The rows of a self-test: trained on, judged on by the gates, and kept aside to measure what is true."""

    schema: Schema
    train: "pd.DataFrame"
    judged: "pd.DataFrame"
    aside: "pd.DataFrame"


@dataclass(frozen=True, slots=True)
class Made:
    """A fitted candidate with its snapshot, and the rows kept aside as they will be asked. `about`: what was broken, in words."""

    model: Any
    schema: Schema
    train: "pd.DataFrame"
    judged: "pd.DataFrame"
    aside: "pd.DataFrame"
    about: str = ""


def made(kind: str, plan: ModelPlan, parts: Parts, base: Path) -> Made:
    """The candidate of that kind. Raises InvalidData where there can be none on these rows, and says why."""
    from driftgate.training import corrupting, spoiling
    from driftgate.training.refit import refit

    schema, train = parts.schema, parts.train

    def on(rows: "pd.DataFrame", about: str = "") -> Made:
        return Made(refit(plan, schema, rows, base), schema, rows, parts.judged, parts.aside, about)

    def leaked() -> Made:
        wider = spoiling.with_leak(schema, train)
        rows, judged = (spoiling.leaked(frame, wider) for frame in (train, parts.judged))
        aside = spoiling.leaked(parts.aside, wider, known=False)
        return Made(refit(plan, wider, rows, base), wider, rows, judged, aside, f"{wider.features[-1]} is missing when it is asked")

    def wrapped(wrap: Callable[[Any], Any], about: str = "") -> Made:
        return Made(wrap(refit(plan, schema, train, base)), schema, train, parts.judged, parts.aside, about)

    ways: Mapping[str, Callable[[], Made]] = {
        REFIT: lambda: on(train),
        "leaked_target": leaked,
        "a_tenth_of_the_rows": lambda: on(spoiling.a_tenth(train, schema, plan.seed)),
        "a_year_old": lambda: on(spoiling.a_year_old(train, schema)),
        "broken_segment": lambda: wrapped(
            lambda model: spoiling.broken_segment(model, train, schema), spoiling.segment_of(train, schema).name
        ),
    }
    if kind in ways:
        return ways[kind]()
    corruption = corrupting.Corruption(kind)
    if corruption in corrupting.OF_ROWS:
        return on(corrupting.corrupted_rows(corruption, train, schema, plan.seed))
    return wrapped(lambda model: corrupting.corrupted_model(corruption, model, train, schema))


def divided(frame: "pd.DataFrame", plan: ModelPlan) -> Parts:
    """The rows of the frame: split as a retrain would, with a holdout twice as large, half of which is kept aside.

    So the gates judge on as many rows as they would. Halves are drawn by the plan's seed, whole entities where there are any, and both keep
    the order of the rows.
    """
    import numpy as np
    import pandas as pd

    from driftgate.training.fit import prepared

    doubled = prepared(frame, replace(plan, holdout=max(min(2.0 * plan.holdout, MOST_HELD), plan.holdout)))
    holdout, entity = doubled.holdout, doubled.schema.entity
    units = np.arange(len(holdout))
    if entity is not None:
        codes, known = pd.factorize(holdout[entity])
        units = np.where(codes >= 0, codes, len(known) + units)
    drawn = np.random.default_rng([plan.seed, 1]).permutation(int(units.max(initial=0)) + 1) % 2 == 0
    aside = drawn[units]
    halves = (holdout[part].reset_index(drop=True) for part in (~aside, aside))
    return Parts(doubled.schema, doubled.train, *halves)
