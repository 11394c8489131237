"""Rows of a file or query as instances to score, each checked; those that cannot be scored apart, with the reason."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from driftgate.lifecycle.errors import InvalidData, InvalidRequest
from driftgate.lifecycle.flows.predicting import Lineup
from driftgate.lifecycle.instances import Instance, check
from driftgate.lifecycle.schema import Column, ColumnKind, Schema
from driftgate.payloads.rows import ID_LENGTH, storable

if TYPE_CHECKING:
    import pandas as pd

HERE = "instances[0].features."
"""How `check` begins the name of a field of the one row it is given."""


class Rejected(NamedTuple):
    """A row that was not scored: its number in the source, the first is 1, and why."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Roles:
    """Which columns of the source say who a row is about, and under which id it is logged.

    `entity` None: the entity column of the champion's schema, where the source has it. `id` None: rows get ids of their own.
    """

    entity: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Sorted:
    """One chunk of the source: what can be scored, with the number of its row, and what cannot."""

    instances: Sequence[tuple[int, Instance]]
    rejected: Sequence[Rejected]


class RowReader:
    """Makes instances of frames, for whoever answers in the lineup.

    `named(row, features)` gives the id of a row where no column does.
    """

    def __init__(self, lineup: Lineup, roles: Roles, named: Callable[[int, Instance], str]) -> None:
        self._schema = lineup.champion.schema
        self._wide = _with_columns_of(lineup, self._schema)
        self._roles, self._named = roles, named
        self._own = frozenset(self._schema.features)

    def read(self, frame: "pd.DataFrame", first: int) -> Sorted:
        """The chunk's rows; `first` is the number of its first one. Raises InvalidData where a column is missing that every row needs."""
        self._require(frame)
        unread = dict(self._unread(frame))
        instances, rejected = [], []
        for place, instance in enumerate(self._instances(frame)):
            try:
                instances.append((first + place, self._checked(first + place, instance, unread.get(place))))
            except (InvalidData, InvalidRequest) as error:
                rejected.append(Rejected(first + place, error.message.replace(HERE, "")))
        return Sorted(instances, rejected)

    def _require(self, frame: "pd.DataFrame") -> None:
        needed = [column.name for column in self._schema.columns if not column.nullable]
        given = [name for name in (self._roles.entity, self._roles.id) if name is not None]
        absent = [name for name in (*needed, *given) if name not in frame.columns]
        if absent:
            raise InvalidData(
                f"the source has no column {', '.join(repr(name) for name in absent)}, which every row needs; "
                f"it has {', '.join(map(str, frame.columns))}",
                field=absent[0],
            )

    def _instances(self, frame: "pd.DataFrame") -> Iterator[Instance]:
        from driftgate.training.conform import conform_leniently

        present = [name for name in self._wide.features if name in frame.columns]
        conformed, _ = conform_leniently(frame[present], self._wide)
        features = _records(conformed, [name for name in self._wide.features if name in self._own or name in present])
        usual = self._schema.entity if self._schema.entity in frame.columns else None
        entities, ids = _texts(frame, self._roles.entity or usual), _texts(frame, self._roles.id)
        for record, entity, name in zip(features, entities, ids, strict=True):
            yield Instance(record, entity, name)

    def _unread(self, frame: "pd.DataFrame") -> Mapping[int, str]:
        """By place in the chunk, what is wrong with a number of the champion's: read leniently it would pass for a missing one."""
        import numpy as np

        from driftgate.training import values

        problems: dict[int, str] = {}
        for column in self._schema.columns:
            if column.kind is not ColumnKind.NUMERIC or column.name not in frame.columns:
                continue
            cells = frame[column.name]
            if values.nested_example(cells) is not None:
                cells = cells.map(str)
            found, bad = values.numbers(cells)
            for place in np.flatnonzero(bad | np.isinf(found)):
                problems.setdefault(int(place), f"{column.name} must be a finite number, not {str(cells.iloc[place])[:40]!r}")
        return problems

    def _checked(self, row: int, instance: Instance, problem: str | None) -> Instance:
        if problem is not None:
            raise InvalidData(problem)
        check((instance,), self._schema, tuple(instance.features))
        if self._roles.id is not None and instance.prediction_id is None:
            raise InvalidData(f"{self._roles.id} is missing, and every row needs an id")
        for field, name in (("the id", instance.prediction_id), ("the entity", instance.entity_id)):
            if name is not None:
                storable(field, name, ID_LENGTH)
        return instance if instance.prediction_id else replace(instance, prediction_id=self._named(row, instance))


def _with_columns_of(lineup: Lineup, schema: Schema) -> Schema:
    """The champion's schema with the challenger's further columns: a row may carry both."""
    further: Sequence[Column] = () if lineup.challenger is None else lineup.challenger.schema.columns
    return replace(schema, columns=(*schema.columns, *(column for column in further if column.name not in schema.features)))


def _records(frame: "pd.DataFrame", names: Sequence[str]) -> Iterator[dict[str, Any]]:
    columns = [[None if isinstance(value, float) and math.isnan(value) else value for value in frame[name].tolist()] for name in names]
    if not columns:
        return iter({} for _ in range(len(frame)))
    return (dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))


def _texts(frame: "pd.DataFrame", name: str | None) -> Sequence[str | None]:
    from driftgate.training import values

    if name is None:
        return [None] * len(frame)
    return [None if isinstance(value, float) else value for value in values.labels(frame[name]).tolist()]
