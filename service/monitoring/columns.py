"""Payloads turned into columns as they come, so that a window is never held as objects."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from driftgate.lifecycle.payloads import Output, Payload
from driftgate.lifecycle.schema import Schema, Task

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    Mask = npt.NDArray[np.bool_]
    Packed = npt.NDArray[Any]

MISSING = float("nan")
PACK = 5_000
"""Payloads that are held as rows before they become columns."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Payloads as arrays, one place each: features as they were logged (`raw`) and conformed (`rows`), outputs, entities and times.

    Both frames also hold the entity where the version's schema names one. `outputs`: shaped as a scorer's, NaN where null. `problems`:
    what was wrong with the rows, a sentence a column.
    """

    raw: "pd.DataFrame"
    rows: "pd.DataFrame"
    outputs: "npt.NDArray[np.float64]"
    entities: tuple[str, ...]
    times: tuple[datetime, ...]
    problems: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.entities)

    def those(self, kept: "Mask") -> "Answers":
        """The chosen ones, shape (n,), as they are; the very same where all are."""
        if kept.all():
            return self
        return Answers(
            self.raw[kept].reset_index(drop=True), self.rows[kept].reset_index(drop=True), self.outputs[kept],
            tuple(_chosen(self.entities, kept)), tuple(_chosen(self.times, kept)), self.problems if kept.any() else (),
        )  # fmt: skip


@dataclass(slots=True)
class Columns:
    """Payloads taken in one by one, and packed every few thousand. `apart`: columns that are no features, or not to be looked at."""

    schema: Schema
    apart: Collection[str]
    names: dict[str, int] = field(default_factory=dict)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    packed: "list[tuple[int, list[Packed]]]" = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)
    outputs: list[tuple[float, ...]] = field(default_factory=list)
    entities: list[str] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)

    def add(self, payload: Payload) -> None:
        """Takes the payload in; of its object nothing stays."""
        if payload.features.keys() - self.names.keys():
            for name in payload.features:
                if name not in self.apart:
                    self.names.setdefault(name, len(self.names))
        self.rows.append(tuple([payload.features.get(name, MISSING) for name in self.names]))
        self.outputs.append(_said(payload.output, self.schema))
        self.entities.append(_whose(payload))
        self.times.append(payload.event_time)
        if len(self.rows) == PACK:
            self._pack()

    def _pack(self) -> None:
        if self.rows:
            width = len(self.names)
            rows = [row + (MISSING,) * (width - len(row)) for row in self.rows]
            self.packed.append((len(rows), [self._packed(values) for values in zip(*rows, strict=True)]))
            self.rows = []

    def _packed(self, values: Sequence[Any]) -> "Packed":
        """Numbers as they are in memory; whatever else there is as objects, each text once."""
        if all(type(value) is float for value in values):
            return np.array(values, dtype=np.float64)
        found = np.empty(len(values), dtype=object)
        found[:] = [self.words.setdefault(value, value) if type(value) is str else value for value in values]
        return found

    def _raw(self, kept: "Mask") -> "pd.DataFrame":
        """The features of the chosen ones, with the types that pandas finds in records."""
        import pandas as pd

        self._pack()
        columns: dict[str, Packed] = {}
        for name, place in self.names.items():
            # A column that came later has no values in the packs before.
            every = [pack[place] if place < len(pack) else np.full(size, MISSING) for size, pack in self.packed]
            columns[name] = np.concatenate(every)[kept]
        mixed = [name for name, values in columns.items() if values.dtype == object]
        index = range(int(kept.sum()))
        records = list(zip(*(columns[name].tolist() for name in mixed), strict=True))
        inferred = pd.DataFrame.from_records(records, columns=mixed, index=index if mixed else None)
        return pd.DataFrame({name: inferred.get(name, values) for name, values in columns.items()}, index=index)

    def answers(self, kept: "Mask") -> Answers:
        """The chosen ones, shape (n,), as arrays."""
        from driftgate.training.conform import conform_leniently

        raw = self._raw(kept)
        whom = tuple(_chosen(self.entities, kept))
        if self.schema.entity is not None:
            raw[self.schema.entity] = list(whom)
        rows, problems = conform_leniently(raw, self.schema)
        return Answers(
            raw=raw,
            rows=rows[[name for name in (*self.schema.features, self.schema.entity) if name in rows.columns]],
            outputs=_shaped(_chosen(self.outputs, kept), self.schema),
            entities=whom,
            times=tuple(_chosen(self.times, kept)),
            problems=problems if whom else (),
        )


def entities(payloads: Sequence[Payload]) -> tuple[str, ...]:
    """Whose each payload is; one without an entity is somebody of its own."""
    return tuple(map(_whose, payloads))


def _whose(payload: Payload) -> str:
    return f"payload {payload.prediction_id}" if payload.entity_id is None else payload.entity_id


def outputs(payloads: Sequence[Payload], schema: Schema) -> "npt.NDArray[np.float64]":
    """What was answered, as a scorer's outputs: probabilities (rows, classes) or numbers (rows,); NaN where there is no such answer."""
    return _shaped([_said(payload.output, schema) for payload in payloads], schema)


def _said(output: Output, schema: Schema) -> tuple[float, ...]:
    if schema.task is Task.REGRESSION:
        return (MISSING if isinstance(output.prediction, str) else float(output.prediction),)
    given = output.probabilities
    return given if len(given) == len(schema.classes) else (MISSING,) * len(schema.classes)


def _shaped(said: Sequence[tuple[float, ...]], schema: Schema) -> "npt.NDArray[np.float64]":
    width = 1 if schema.task is Task.REGRESSION else len(schema.classes)
    found = np.array(said, dtype=np.float64).reshape(len(said), width)
    return found[:, 0] if schema.task is Task.REGRESSION else found


def _chosen(every: Sequence[Any], kept: "Mask") -> list[Any]:
    return [each for each, chosen in zip(every, kept.tolist(), strict=True) if chosen]
