"""Real rows in the order of time, cut into windows, and the versions that would have served them.

Bank by row order: without `duration` (known only after the call) and `month`. Bike by month: without `casual` and `registered` (they add
up to the target), the ids, and `yr`, `mnth`, `season`. What only names the date differs between any two windows and says nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.pools import folder
from driftgate.lifecycle.plan import Estimator, ModelPlan, Source
from driftgate.lifecycle.schema import Schema, Task
from driftgate.reports import losses
from driftgate.training import estimators
from driftgate.training.schema import conform, infer

Floats = npt.NDArray[np.float64]

BANK_REFERENCES = (5_647, 14_515, 30_429)
BANK_WINDOW = 1_000
BANK_REFIT = 5
BIKE_REFERENCES = {"2011Q1": 3, "2011H1": 6, "2011": 12}
BIKE_WINDOW = 720
BIKE_REFIT = 3
TRAIN, HOLDOUT = 0.5, 0.25
"""Shares of the reference block, drawn at random; the rest is cut into windows in which nothing can have changed."""

Span = tuple[int, int]


@dataclass(frozen=True)
class Stream:
    """Rows in order: a reference block of `reference` rows, then windows.

    `refit_every`: windows between two refits. `fresh_rows`: the size of windows cut from what the reference block has left.
    """

    name: str
    rows: pd.DataFrame
    plan: ModelPlan
    reference: int
    windows: tuple[Span, ...]
    refit_every: int
    fresh_rows: int


@dataclass(frozen=True)
class Version:
    """A fitted model with its snapshot, and the rest of its block, which it never saw."""

    schema: Schema
    model: Any
    train: pd.DataFrame
    holdout: pd.DataFrame
    rest: pd.DataFrame
    holdout_outputs: Floats
    holdout_losses: Floats

    def score(self, frame: Any) -> Floats:
        """The outputs for the rows of the frame."""
        return outputs(self.schema, self.model, frame)

    @property
    def snapshot(self) -> pd.DataFrame:
        """Train and holdout, the holdout last."""
        return pd.concat([self.train, self.holdout], ignore_index=True)


@dataclass(frozen=True)
class Look:
    """A version and a window that it served.

    `kind`: `fresh` (nothing changed), `kept` or `refitted`. `first`: no window of this version came before. `counted`: False where
    the window only serves to know its outcomes by the time of the next one.
    """

    version: Version
    window: pd.DataFrame
    kind: str
    at: str
    first: bool
    counted: bool = True


def streams() -> list[Stream]:
    """The six streams."""
    return [*bank(), *bike()]


def bank() -> list[Stream]:
    """Bank marketing calls, windows of 1,000 rows."""
    rows = pd.read_csv(folder() / "bank-additional-full.csv.gz", sep=";").drop(columns=["duration", "month"])
    plan = ModelPlan("bank", Source(), "y", positive="yes", estimator=Estimator("hist_gradient_boosting"))
    return [
        Stream(f"bank {size}", rows, plan, size, cut(size, len(rows), BANK_WINDOW), BANK_REFIT, BANK_WINDOW) for size in BANK_REFERENCES
    ]


def bike() -> list[Stream]:
    """Bikes rented in an hour, windows of a calendar month."""
    rows = pd.read_csv(folder() / "bike_sharing_hour.csv.gz")
    when = pd.to_datetime(rows["dteday"])
    month = (12 * (when.dt.year - when.dt.year.min()) + when.dt.month - 1).to_numpy()
    starts = [int(np.searchsorted(month, each)) for each in range(int(month.max()) + 2)]
    rows = rows.drop(columns=["instant", "dteday", "yr", "mnth", "season", "casual", "registered"])
    plan = ModelPlan("bike", Source(), "cnt", task=Task.REGRESSION, estimator=Estimator("hist_gradient_boosting"))
    return [
        Stream(f"bike {name}", rows, plan, starts[months], _months(starts[months:]), BIKE_REFIT, BIKE_WINDOW)
        for name, months in BIKE_REFERENCES.items()
    ]


def cut(start: int, end: int, size: int) -> tuple[Span, ...]:
    """Windows of `size` rows from `start` to `end`; a remainder of less than half a window joins the one before."""
    starts = list(range(start, end, size))
    if len(starts) > 1 and end - starts[-1] < size / 2:
        starts.pop()
    return tuple(pairwise([*starts, end]))


def looks(stream: Stream, seed: int = 0) -> Iterator[Look]:
    """Every version of the stream on every window that it would serve.

    The first version is kept to the end of the stream. Beside it, from `refit_every` windows on, versions refitted on as many rows, the
    latest of which are one window old: later outcomes were not known. Each starts on fresh windows of its own.
    """
    version = fitted(stream.rows.iloc[: stream.reference], stream.plan, seed)
    yield from _fresh(version, stream, "0")
    yield from (Look(version, stream.rows.iloc[slice(*span)], "kept", str(at), first=False) for at, span in enumerate(stream.windows))
    for start in range(stream.refit_every, len(stream.windows), stream.refit_every):
        end = stream.windows[start - 1][0]
        version = fitted(stream.rows.iloc[end - stream.reference : end], stream.plan, seed)
        yield from _fresh(version, stream, str(start))
        for at in range(start - 1, min(start + stream.refit_every, len(stream.windows))):
            window = stream.rows.iloc[slice(*stream.windows[at])]
            yield Look(version, window, "refitted", f"{start}/{at}", first=at < start, counted=at >= start)


def _fresh(version: Version, stream: Stream, name: str) -> Iterator[Look]:
    for place, (start, end) in enumerate(cut(0, len(version.rest), stream.fresh_rows)):
        yield Look(version, version.rest.iloc[start:end], "fresh", f"{name}.{place}", first=place == 0)


def fitted(block: pd.DataFrame, plan: ModelPlan, seed: int) -> Version:
    """A version fitted on half of the block, as training does it, with a quarter as its holdout."""
    block = block.reset_index(drop=True)
    shuffled = np.random.default_rng(seed).permutation(len(block))
    ends = [int(TRAIN * len(block)), int((TRAIN + HOLDOUT) * len(block))]
    parts = np.split(shuffled, ends)
    snapshot = block.iloc[np.concatenate([np.sort(part) for part in parts[:2]])].reset_index(drop=True)
    trained = np.arange(len(snapshot)) < ends[0]
    schema = infer(snapshot, plan, trained).schema
    train, holdout = (conform(snapshot[part], schema, with_target=True).reset_index(drop=True) for part in (trained, ~trained))
    model = estimators.pipeline(plan.estimator, schema, seed, Path())
    model.fit(train[list(schema.features)], losses.truth(train[schema.target], schema))
    said = outputs(schema, model, holdout)
    return Version(schema, model, train, holdout, block.iloc[parts[2]], said, row_losses(schema, said, holdout))


def outputs(schema: Schema, model: Any, frame: pd.DataFrame) -> Floats:
    """The model's probabilities in class order, or its numbers."""
    features = frame[list(schema.features)]
    return np.asarray(model.predict(features) if schema.task is Task.REGRESSION else model.predict_proba(features), dtype=np.float64)


def row_losses(schema: Schema, said: Floats, frame: pd.DataFrame) -> Floats:
    """The loss of each row."""
    return losses.per_row_loss(said, losses.truth(frame[schema.target], schema), schema)


def _months(starts: Sequence[int]) -> tuple[Span, ...]:
    return tuple(pairwise(starts))
