"""Outcomes and payloads made of the rows of bulk files."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from driftgate.lifecycle.canonical import sha256
from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.payloads import Arm, Outcome, Output, Payload
from driftgate.lifecycle.plan import Scalar
from driftgate.lifecycle.schema import ColumnKind, Schema, Task
from driftgate.payloads.outcomes import outcome_row
from driftgate.payloads.rows import logged
from driftgate.service.bulk_rows import BulkFile, WrongCell, guessed, number, roles, text, truth

PROBABILITY = "probability"
LONGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a file's columns: by the command, by role, and by driftgate.toml.

    `probabilities` and `drop`: columns of probabilities and those that are no features, as the command names them;
    `undeclared`: those that the settings drop. `version`: of payloads that name none.
    """

    columns: Mapping[str, str | None]
    probabilities: Sequence[str] = ()
    drop: Sequence[str] = ()
    version: int | None = None
    target: str | None = None
    entity: str | None = None
    time: str | None = None
    undeclared: Sequence[str] = ()


@dataclass(frozen=True)
class OutcomeMaker:
    """Outcomes of one model. `columns`: by role. `task`: None where nobody knows."""

    model: str
    file: BulkFile
    columns: Mapping[str, str | None]
    task: Task | None

    def __call__(self, row: int, cells: Mapping[str, Any]) -> Outcome:
        """The outcome of a row."""
        del row
        value, observed = str(self.columns["value"]), str(self.columns["observed_at"])
        name, entity = text(cells, self.columns["prediction_id"]), text(cells, self.columns["entity"])
        found = Outcome(
            self.model, truth(cells.get(value), value, self.task), self.file.moment(cells, observed).astimezone(UTC), name, entity
        )
        outcome_row(found, found.observed_at)
        return found


def outcome_maker(model: str, file: BulkFile, told: Told, task: Task | None) -> OutcomeMaker:
    """The maker for the file's columns. Raises InvalidData where one is missing that every outcome needs."""
    columns = file.columns()
    usual = {
        "prediction_id": ("prediction_id",), "entity": ("entity_id", told.entity), "value": ("value", told.target),
        "observed_at": ("observed_at",),
    }  # fmt: skip
    found = roles(file, columns, told.columns, usual)
    _need(file, columns, found, ("value", "observed_at"))
    if found["prediction_id"] is None and found["entity"] is None:
        raise InvalidData(f"{file.path} says neither by prediction_id nor by entity_id what its outcomes belong to: name a column")
    return OutcomeMaker(model, file, found, task)


@dataclass
class PayloadMaker:
    """Payloads of one model that was served elsewhere.

    `columns`: by role; `probabilities`: those of the classes, in schema order, or one of the positive
    class; `features`: every column that is nothing else. `version`: of rows that name none. `strange` counts, by
    feature, cells that are no numbers where the version learned numbers.
    """

    model: str
    file: BulkFile
    columns: Mapping[str, str | None]
    probabilities: Sequence[str]
    features: Sequence[str]
    version: int | None
    schema: Schema | None
    task: Task | None
    strange: Counter[str] = field(default_factory=Counter)

    def __call__(self, row: int, cells: Mapping[str, Any]) -> Payload:
        """The payload of a row; it arrives when it is appended."""
        at = self.file.moment(cells, str(self.columns["event_time"])).astimezone(UTC)
        prediction = str(self.columns["prediction"])
        payload = Payload(
            prediction_id=text(cells, self.columns["prediction_id"]) or self._named(row, cells),
            model=self.model,
            version=self._version(cells),
            arm=Arm.CHAMPION,
            entity_id=text(cells, self.columns["entity"]),
            features={name: self._feature(name, cells.get(name)) for name in self.features},
            output=Output(truth(cells.get(prediction), prediction, self.task), self._probabilities(cells)),
            event_time=at,
            arrival_time=at,
        )
        return logged(payload)[0]

    def _named(self, row: int, cells: Mapping[str, Any]) -> str:
        # The same file loaded again gives the same ids.
        content = [value.isoformat() if isinstance(value, datetime) else str(value) for value in cells.values()]
        return f"load-{sha256([self.model, row, list(cells), content])[:40]}"

    def _version(self, cells: Mapping[str, Any]) -> int | None:
        column = self.columns["version"]
        told = text(cells, column)
        if told is None or column is None:
            return self.version
        if not told.strip().isdecimal() or not 1 <= int(told) <= LONGEST:
            raise WrongCell(column, f"must be a version's number, not {told[:40]!r}")
        return int(told)

    def _feature(self, name: str, value: Scalar) -> Scalar:
        if self.schema is None or name not in self.schema.features:
            return guessed(value)
        if self.schema.column(name).kind is ColumnKind.CATEGORICAL or value is None:
            return value
        found = number(value) if isinstance(value, str) else value
        if found is None or isinstance(found, str):
            self.strange[name] += 1
            return value
        return found

    def _probabilities(self, cells: Mapping[str, Any]) -> tuple[float, ...]:
        found = tuple(self._probability(name, cells.get(name)) for name in self.probabilities)
        return (1.0 - found[0], found[0]) if len(found) == 1 else found

    def _probability(self, name: str, value: Scalar) -> float:
        found = number(value) if isinstance(value, str) else value
        if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
            raise WrongCell(name, "is empty" if value is None else f"must be a probability from 0 to 1, not {str(value)[:40]!r}")
        return float(found)


def payload_maker(model: str, file: BulkFile, told: Told, schema: Schema | None, task: Task | None) -> PayloadMaker:
    """The maker for the file's columns. Raises InvalidData where one is missing that every payload needs."""
    columns = file.columns()
    usual = {
        "prediction_id": ("prediction_id",), "entity": ("entity_id", told.entity), "event_time": ("event_time", told.time),
        "prediction": ("prediction",), "version": ("version",),
    }  # fmt: skip
    found = roles(file, columns, told.columns, usual)
    _need(file, columns, found, ("event_time", "prediction"))
    probabilities = tuple(told.probabilities) or _probability_columns(columns, schema)
    for name in (*told.probabilities, *told.drop):
        if name not in columns:
            raise InvalidData(f"{file.path} has no column {name}; it has {', '.join(columns)}", field=name)
    classes = () if schema is None else schema.classes
    if len(probabilities) > 1 and classes and len(probabilities) != len(classes):
        raise InvalidData(f"{len(probabilities)} columns of probabilities were named, and the version has {len(classes)} classes")
    # What is no feature in training is none here.
    apart = {*found.values(), *probabilities, *told.drop, *told.undeclared, told.target, told.entity, told.time}
    features = tuple(name for name in columns if name not in apart)
    return PayloadMaker(model, file, found, probabilities, features, told.version, schema, task)


def doubts(maker: PayloadMaker) -> list[str]:
    """What does not fit the version that monitoring will hold the payloads against; empty where nothing is known of one."""
    if maker.schema is None:
        return []
    known = set(maker.schema.features)
    found = [f"{name}: the version has this feature, and the file does not" for name in maker.schema.features if name not in maker.features]
    found += [f"{name}: the version does not know this column; it is logged as a feature" for name in maker.features if name not in known]
    return found + [f"{name}: {count} values are no numbers, as the version expects" for name, count in sorted(maker.strange.items())]


def _need(file: BulkFile, columns: Sequence[str], found: Mapping[str, str | None], roles: Sequence[str]) -> None:
    for role in roles:
        if found[role] is None:
            option = f"--{role.replace('_', '-')}"
            raise InvalidData(f"{file.path} has no column {role}: name one with {option}; it has {', '.join(columns)}", field=role)


def _probability_columns(columns: Sequence[str], schema: Schema | None) -> tuple[str, ...]:
    if PROBABILITY in columns:
        return (PROBABILITY,)
    by_class = [f"{PROBABILITY}_{label}" for label in (() if schema is None else schema.classes)]
    return tuple(by_class) if by_class and set(by_class) <= set(columns) else ()
