"""A look at data that nothing is known of yet: what `driftgate init` writes into its first configuration."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.plan import ModelPlan, Source
from driftgate.lifecycle.schema import ColumnKind, Task
from driftgate.training import association, kinds, times, values
from driftgate.training import target as targets
from driftgate.training.kinds import Unusable
from driftgate.training.schema import require_named
from driftgate.training.values import Cells

LEAK_AUC = 0.97
LEAK_R2 = 0.98
LEAK_PAIR_R2 = 0.999
HIGH_CARDINALITY = 50

_MOST_SCORED_ROWS = 20_000
_ENTITY_WORDS = ("customer", "client", "user", "account", "member", "subscriber", "patient", "device", "entity")
_TIME_WORDS = ("date", "time", "day", "timestamp", "month", "_at", "_on")


@dataclass(frozen=True, slots=True)
class ColumnLook:
    """One column beside the target. `mixed`: cells of a numeric column that are no numbers. `score`: ROC AUC or R2 of it alone."""

    name: str
    kind: ColumnKind
    missing: int
    distinct: int
    text_numeric: bool = False
    mixed: int = 0
    infinite: int = 0
    unusable: Unusable | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Leak:
    """Columns that together predict the target almost perfectly, with their `measure` (`roc_auc` or `r2`) and its value."""

    columns: tuple[str, ...]
    measure: str
    value: float


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the rows look like. `warnings` says all of it in sentences.

    `time` and `entity` are guesses; None where no column looks like one. `duplicate_rows`: rows that repeat an earlier one.
    """

    rows: int
    target: str
    task: Task
    classes: tuple[str, ...]
    columns: tuple[ColumnLook, ...]
    time: str | None
    entity: str | None
    leaks: tuple[Leak, ...]
    duplicate_rows: int
    warnings: tuple[str, ...] = field(default=())

    @property
    def features(self) -> tuple[ColumnLook, ...]:
        """The columns that a model could take, leaks among them."""
        return tuple(look for look in self.columns if look.unusable is None and look.name not in (self.time, self.entity))

    @property
    def high_cardinality(self) -> tuple[str, ...]:
        """Categorical features with more levels than `HIGH_CARDINALITY`."""
        return tuple(look.name for look in self.features if look.kind is ColumnKind.CATEGORICAL and look.distinct > HIGH_CARDINALITY)

    def named(self, reason: Unusable) -> tuple[str, ...]:
        """Columns that cannot be features for that reason."""
        return tuple(look.name for look in self.columns if look.unusable is reason and look.name not in (self.time, self.entity))


def inspect(frame: pd.DataFrame, target: str) -> Inspection:
    """The inspection of the rows. Raises InvalidData where the target is absent, missing or constant, or a cell holds a list."""
    plan = ModelPlan(model="", source=Source(), target=target)
    require_named(frame, plan)
    labelled = frame[~targets.missing(frame[target])].reset_index(drop=True)
    if labelled.empty:
        raise InvalidData(f"target {target!r} has no value in any of {len(frame)} rows", field=target)
    found = targets.resolve(labelled[target], plan)
    looks = tuple(_look(labelled[name]) for name in labelled.columns if name != target)
    time = _time(labelled, looks)
    entity = _entity(labelled, looks, time)
    scored = _scored(labelled, looks, found, target, {time, entity})
    bare = Inspection(
        rows=len(frame),
        target=target,
        task=found.task,
        classes=found.classes,
        columns=scored,
        time=time,
        entity=entity,
        leaks=_leaks(labelled, scored, found, target, {time, entity}),
        duplicate_rows=int(frame.duplicated().sum()),
    )
    unlabelled = len(frame) - len(labelled)
    return _with_warnings(bare, found.warnings, unlabelled)


def _look(column: Cells) -> ColumnLook:
    seen = kinds.look(column)
    found, bad = values.numbers(column)
    numeric = seen.kind is ColumnKind.NUMERIC
    # Numbers in a file are text anyway; what is worth saying is that blanks hide among them.
    text_numeric = numeric and not pd.api.types.is_numeric_dtype(column.dtype) and bool((np.isnan(found) & column.notna().to_numpy()).any())
    return ColumnLook(
        name=str(column.name),
        kind=seen.kind,
        missing=len(column) - seen.present - int(seen.bad.sum()),
        distinct=seen.distinct,
        text_numeric=text_numeric,
        mixed=int(bad.sum()) if numeric else 0,
        infinite=int(np.isinf(found).sum()) if numeric else 0,
        unusable=kinds.unusable(column, seen),
    )


def _time(frame: pd.DataFrame, looks: tuple[ColumnLook, ...]) -> str | None:
    """The first column of dates, one with a name like a time's before others; a number that reads as a date needs such a name."""
    dated = [look.name for look in looks if look.unusable is Unusable.DATE]
    named = [look.name for look in looks if any(word in look.name.lower() for word in _TIME_WORDS)]
    both = [name for name in dated if name in named]
    written = [look.name for look in looks if look.kind is ColumnKind.NUMERIC and look.name in named and look.distinct > 1]
    integers = [name for name in written if times.looks_like_yyyymmdd(frame[name])]
    return next(iter([*both, *dated, *integers]), None)


def _entity(frame: pd.DataFrame, looks: tuple[ColumnLook, ...], time: str | None) -> str | None:
    """The first column named like an id that has many values, else one that identifies rows and is text."""
    possible = [look for look in looks if look.name != time and look.missing == 0 and look.unusable in (None, Unusable.IDENTIFIER)]
    for look in possible:
        ids = kinds.named_like_id(look.name) or (look.name.lower() in _ENTITY_WORDS)
        if ids and look.distinct > HIGH_CARDINALITY and not look.mixed and _whole(frame[look.name], look):
            return look.name
    texts = [look.name for look in possible if look.unusable is Unusable.IDENTIFIER and look.kind is ColumnKind.CATEGORICAL]
    return texts[0] if len(texts) == 1 else None


def _whole(column: Cells, look: ColumnLook) -> bool:
    found, _ = values.numbers(column)
    return look.kind is ColumnKind.CATEGORICAL or bool((found == np.floor(found)).all())


def _scored(
    frame: pd.DataFrame, looks: tuple[ColumnLook, ...], found: targets.Target, target: str, apart: set[str | None]
) -> tuple[ColumnLook, ...]:
    sample = _sample(frame)
    outcome = found.encoded(found.cells(sample[target]))
    return tuple(
        look
        if look.unusable or look.name in apart
        else replace(look, score=association.score(sample[look.name], look.kind, outcome, found.task))
        for look in looks
    )


def _sample(frame: pd.DataFrame) -> pd.DataFrame:
    if len(frame) <= _MOST_SCORED_ROWS:
        return frame
    return frame.iloc[np.sort(np.random.default_rng(0).choice(len(frame), _MOST_SCORED_ROWS, replace=False))]


def _leaks(
    frame: pd.DataFrame, looks: tuple[ColumnLook, ...], found: targets.Target, target: str, apart: set[str | None]
) -> tuple[Leak, ...]:
    regression = found.task is Task.REGRESSION
    measure, line = ("r2", LEAK_R2) if regression else ("roc_auc", LEAK_AUC)
    single = [Leak((look.name,), measure, look.score) for look in looks if look.score is not None and look.score >= line]
    if not regression:
        return tuple(single)
    alone = {leak.columns[0] for leak in single}
    numeric = [look.name for look in looks if look.kind is ColumnKind.NUMERIC and look.unusable is None and look.name not in apart | alone]
    sample = _sample(frame)
    cells = {name: values.numbers(sample[name])[0] for name in numeric}
    pairs = association.summing_pairs(cells, values.numbers(sample[target])[0], LEAK_PAIR_R2)
    return (*single, *(Leak((first, second), "r2", explained) for first, second, explained in pairs))


def _with_warnings(bare: Inspection, guessed: tuple[str, ...], unlabelled: int) -> Inspection:
    said = list(guessed)
    said += [f"{unlabelled} of {bare.rows} rows have no {bare.target!r}: they are left out"] if unlabelled else []
    for leak in bare.leaks:
        names = " + ".join(repr(name) for name in leak.columns)
        predict = "alone predicts" if len(leak.columns) == 1 else "together predict"
        scored = f"{leak.measure} {leak.value:.3f}"
        said.append(f"{names} {predict} {bare.target!r} almost perfectly ({scored}): is it known beforehand? else drop it")
    words = {
        Unusable.CONSTANT: "has one value only and is left out",
        Unusable.MISSING: "has no value and is left out",
        Unusable.IDENTIFIER: "identifies rows and is left out",
        Unusable.DATE: "holds dates and is left out",
    }
    said += [f"column {name!r} {text}" for reason, text in words.items() for name in bare.named(reason)]
    for look in bare.features:
        said += (
            [f"column {look.name!r} mixes numbers and text ({look.mixed} cells): clean it, or declare it categorical"] if look.mixed else []
        )
        said += [f"column {look.name!r} is infinite in {look.infinite} rows: write numbers or blanks"] if look.infinite else []
        said += [f"column {look.name!r} is a number with blanks written as text: read as missing"] if look.text_numeric else []
    said += [f"column {name!r} has more than {HIGH_CARDINALITY} levels" for name in bare.high_cardinality]
    said += [f"{bare.duplicate_rows} rows repeat an earlier row"] if bare.duplicate_rows else []
    return replace(bare, warnings=tuple(said))
