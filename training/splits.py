"""Which rows are trained on and which are kept for judging."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.plan import ModelPlan
from driftgate.training.schema import time_column
from driftgate.training.target import Target
from driftgate.training.values import Cells, labels

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Split:
    """Row positions of the two parts, ascending; `kind` is `time`, `row_order`, `entity` or `random`.

    `cutoff`: the first time in the holdout. `shared_entities`: how many entities are in both parts (only by time).
    """

    train: Positions
    holdout: Positions
    kind: str
    cutoff: str | None = None
    shared_entities: int = 0
    warnings: tuple[str, ...] = ()


def split(frame: pd.DataFrame, plan: ModelPlan, target: Target) -> Split:
    """The split of rows that are in time order where time is known.

    By time, the newest `plan.holdout` share is held out, and rows of one time stay together. Entities may then be in both parts:
    in use, too, a version scores later rows of entities that it was trained on, so a time split without them would judge
    another population than the one served; how many are shared is recorded. Without time, entities that repeat are kept whole, in one part,
    else rows are drawn by `plan.seed`; both are stratified by class.
    Raises InvalidData where a part would be empty or hold one class only, or the training rows lack a class.
    """
    if plan.time is not None:
        found = _by_time(frame, plan)
    elif plan.entity is not None and repeats(frame[plan.entity]):
        found = _drawn(_entities(frame[plan.entity]), _strata(frame, plan, target), plan, "entity")
    else:
        found = _drawn(np.arange(len(frame)), _strata(frame, plan, target), plan, "random")
    return _checked(found, frame, plan, target)


def repeats(entities: Cells) -> bool:
    """Whether any entity has more than one row."""
    return bool(entities.dropna().duplicated().any())


def _by_time(frame: pd.DataFrame, plan: ModelPlan) -> Split:
    boundary = len(frame) - round(len(frame) * plan.holdout)
    boundary = min(max(boundary, 1), len(frame) - 1)
    name = time_column(plan)
    cutoff = None
    if name is not None:
        boundary = _between_times(frame[name].to_numpy(), boundary, name)
        cutoff = str(frame[name].iloc[boundary])
    positions = np.arange(len(frame))
    train, holdout = positions[:boundary], positions[boundary:]
    shared = 0
    if plan.entity is not None:
        entities = frame[plan.entity]
        shared = len(set(entities.iloc[train].dropna()) & set(entities.iloc[holdout].dropna()))
    return Split(train, holdout, "row_order" if name is None else "time", cutoff, shared)


def _between_times(instants: npt.NDArray[np.datetime64], wanted: int, name: str) -> int:
    """The boundary nearest to the wanted one that parts no rows of equal time."""
    starts = np.flatnonzero(instants[1:] != instants[:-1]) + 1
    if not len(starts):
        raise InvalidData(f"time column {name!r} has one value only: rows cannot be split by it", field=name)
    return int(starts[np.argmin(np.abs(starts - wanted))])


def _entities(entities: Cells) -> Positions:
    """One number per row that rows of one entity share; a row without an entity is alone."""
    codes, uniques = pd.factorize(labels(entities))
    alone = codes < 0
    codes = codes.astype(np.int64)
    codes[alone] = len(uniques) + np.arange(int(alone.sum()))
    return codes


def _strata(frame: pd.DataFrame, plan: ModelPlan, target: Target) -> Positions:
    if not target.classes:
        return np.zeros(len(frame), dtype=np.int64)
    return target.encoded(target.cells(frame[plan.target])).astype(np.int64)


def _drawn(units: Positions, strata: Positions, plan: ModelPlan, kind: str) -> Split:
    """Units drawn until each stratum has its share of rows held out.

    A unit's stratum is the rarest class among its rows, so that a class which few units have gets into both parts.
    """
    generator = np.random.default_rng(plan.seed)
    frequency = np.bincount(strata)
    order = np.argsort(frequency[strata], kind="stable")
    _, first, inverse = np.unique(units[order], return_index=True, return_inverse=True)
    of_unit = strata[order][first]
    sizes = np.bincount(inverse)
    held = np.zeros(len(sizes), dtype=np.bool_)
    for stratum in np.unique(of_unit):
        members = generator.permutation(np.flatnonzero(of_unit == stratum))
        wanted = plan.holdout * sizes[members].sum()
        before = np.cumsum(sizes[members]) - sizes[members]
        taken = members[before + sizes[members] / 2 <= wanted]
        # A stratum of two units or more gives to both parts.
        taken = members[: min(max(len(taken), 1), len(members) - 1)]
        held[taken] = True
    row_held = np.zeros(len(units), dtype=np.bool_)
    row_held[order] = held[inverse]
    return Split(np.flatnonzero(~row_held), np.flatnonzero(row_held), kind)


def _checked(found: Split, frame: pd.DataFrame, plan: ModelPlan, target: Target) -> Split:
    if not len(found.train) or not len(found.holdout):
        raise InvalidData(f"a {found.kind} split of {len(frame)} rows leaves one part empty: change holdout, or bring more rows")
    if not target.classes:
        if len(pd.unique(frame[plan.target].iloc[found.train])) == 1:
            raise InvalidData(f"target {plan.target!r} is constant in the training rows of the {found.kind} split", field=plan.target)
        return found
    codes = _strata(frame, plan, target)
    advice = _advice(found.kind)
    for part, positions in (("training", found.train), ("holdout", found.holdout)):
        present = np.unique(codes[positions])
        if len(present) == 1:
            label = target.classes[int(present[0])]
            raise InvalidData(
                f"all {len(positions)} {part} rows of the {found.kind} split have {plan.target} = {label!r}: {advice}", field=plan.target
            )
    unlearned = [label for code, label in enumerate(target.classes) if code not in set(codes[found.train])]
    if unlearned:
        raise InvalidData(f"no training row of the {found.kind} split has {plan.target} = {unlearned[0]!r}: {advice}", field=plan.target)
    unjudged = [label for code, label in enumerate(target.classes) if code not in set(codes[found.holdout])]
    said = tuple(f"no holdout row has {plan.target} = {label!r}, so that class is not judged" for label in unjudged)
    return Split(found.train, found.holdout, found.kind, found.cutoff, found.shared_entities, said)


def _advice(kind: str) -> str:
    if kind in ("time", "row_order"):
        return "use a larger holdout or window, or check that the rows are not sorted by the target"
    return "bring more rows of the rare class, or a larger holdout"
