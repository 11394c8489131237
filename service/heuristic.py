"""The model-free arm: a constant, a feature's value, or a user's function of the rows."""

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftgate.lifecycle.errors import InvalidConfiguration, InvalidData
from driftgate.lifecycle.instances import Instance, as_text
from driftgate.lifecycle.payloads import Output
from driftgate.lifecycle.schema import ColumnKind, Schema, Task
from driftgate.registry.frames import frame_of
from driftgate.service.settings_traffic import HeuristicTable


class Heuristic(ABC):
    """A rule that answers in place of a model. It has no probabilities, and one row that it cannot answer costs that row only."""

    @abstractmethod
    def answers(self, instances: Sequence[Instance]) -> Sequence[Output | InvalidData]:
        """One output per instance, in order, or why the rule has none for it."""

    def outputs(self, instances: Sequence[Instance]) -> Sequence[Output]:
        """One output per instance, in order. Raises the first InvalidData of `answers`."""
        outputs = []
        for answer in self.answers(instances):
            if isinstance(answer, InvalidData):
                raise answer
            outputs.append(answer)
        return outputs


def load_heuristic(table: HeuristicTable, project: Path, schema: Schema) -> Heuristic:
    """The rule that the table names, for rows of the schema; a function is imported from the project's folder.

    Raises InvalidConfiguration where it can answer no row of that schema, or the function cannot be imported.
    """
    if table.function is not None:
        return _Function(table.function, _imported(table.function, project), schema)
    if table.column is not None:
        return _column(table.column, schema)
    answer = _answer(table.constant, schema, f"the constant {table.constant!r}")
    if isinstance(answer, InvalidData):
        raise InvalidConfiguration(f"heuristic.constant: {answer.message}", field="heuristic.constant")
    return _Constant(answer)


@dataclass(frozen=True)
class _Constant(Heuristic):
    answer: Output

    def answers(self, instances: Sequence[Instance]) -> Sequence[Output | InvalidData]:
        return [self.answer] * len(instances)


@dataclass(frozen=True)
class _Column(Heuristic):
    name: str
    schema: Schema

    def answers(self, instances: Sequence[Instance]) -> Sequence[Output | InvalidData]:
        where = f"the heuristic's column {self.name!r}"
        return [_answer(instance.features.get(self.name), self.schema, where) for instance in instances]


@dataclass(frozen=True)
class _Function(Heuristic):
    name: str
    function: Callable[..., Any]
    schema: Schema

    def answers(self, instances: Sequence[Instance]) -> Sequence[Output | InvalidData]:
        if not instances:
            return []
        where = f"the heuristic's function {self.name}"
        try:
            # Evaluated here, so that a generator's exception is the function's too.
            values = _one_each(self.function(frame_of([instance.features for instance in instances], self.schema)), len(instances))
            return [_answer(value, self.schema, where) for value in values]
        except InvalidData as error:
            return [InvalidData(f"{where} {error.message}", field="heuristic.function")] * len(instances)
        except Exception as error:  # noqa: BLE001 - a user's function may raise anything, and traffic goes on without it
            problem = InvalidData(f"{where} failed: {type(error).__name__}: {error}", field="heuristic.function")
            return [problem] * len(instances)


def _imported(name: str, project: Path) -> Callable[..., Any]:
    from driftgate.training import factories

    try:
        return factories.load(name, project)
    except InvalidConfiguration as error:
        raise InvalidConfiguration(f"heuristic.function: {error.message}", field="heuristic.function") from error


def _column(name: str, schema: Schema) -> Heuristic:
    field = "heuristic.column"
    if name not in schema.features:
        raise InvalidConfiguration(f"{field}: {name!r} is not a feature: choose one of {', '.join(schema.features)}", field=field)
    if schema.task is Task.REGRESSION and schema.column(name).kind is not ColumnKind.NUMERIC:
        raise InvalidConfiguration(f"{field}: {name!r} holds text, and {schema.target!r} is a number: choose a number", field=field)
    return _Column(name, schema)


def _one_each(found: Any, rows: int) -> Sequence[Any]:
    """The function's answers as a list. Raises InvalidData where they are not one per row."""
    single = isinstance(found, str | bytes | dict) or not isinstance(found, Iterable)
    if single or getattr(found, "ndim", 1) != 1:
        raise InvalidData(f"must return one prediction per row, as a list, array or Series, not {type(found).__name__}")
    values = list(found)
    if len(values) != rows:
        raise InvalidData(f"returned {len(values)} predictions for {rows} rows: it must return one per row, in order")
    return values


def _answer(value: Any, schema: Schema, where: str) -> Output | InvalidData:
    """The value as a prediction of the schema's task, or why it is none."""
    value = value.item() if hasattr(value, "item") else value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return InvalidData(f"{where} has no value for this row")
    if schema.task is Task.REGRESSION:
        if isinstance(value, bool | str) or not isinstance(value, int | float) or abs(value) > sys.float_info.max:
            return InvalidData(f"{where} gives {str(value)[:40]!r}, and a finite number is needed")
        return Output(float(value))
    label = as_text(value) if isinstance(value, str | int | float) else str(value)
    if label not in schema.classes:
        return InvalidData(f"{where} gives {str(label)[:40]!r}, which is not one of the classes {', '.join(schema.classes)}")
    return Output(label)
