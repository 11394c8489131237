"""What is wrong with driftgate.toml, one sentence per key as it is written in the file."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from driftgate.service.settings_gates import suggestion
from driftgate.service.settings_secrets import masked

SHOWN = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One key of driftgate.toml (dotted; empty: the file) and the sentence that says its value and what is allowed."""

    key: str
    message: str
    value: str | None = None

    def __str__(self) -> str:
        value = "" if self.value is None else f" = {self.value}"
        return f"{self.key}{value}: {self.message}" if self.key else self.message


def problems(error: ValidationError, root: type[BaseModel], data: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Every problem of a validation error, in the order of the file's tables, without secrets."""
    found = [problem for details in error.errors(include_url=False) for problem in _explained(details, root, data)]
    return tuple(dict.fromkeys(found))


def _explained(details: ErrorDetails, root: type[BaseModel], data: Mapping[str, Any]) -> Iterator[Problem]:
    place = tuple(details["loc"])
    if details["type"] == "several":
        for below, message in details["ctx"]["problems"]:
            yield Problem(".".join(part for part in (dotted(place), below) if part), masked(message))
        return
    if place and place[-1] == "[key]":
        yield Problem(dotted(place[:-1]), _sentence(details))
        return
    if details["type"] == "extra_forbidden":
        allowed = tuple(sorted(fields_at(root, place[:-1])))
        yield Problem(dotted(place), f"unknown key{suggestion(str(place[-1]), allowed)} (allowed here: {', '.join(allowed)})")
        return
    if details["type"] == "missing":
        yield Problem(dotted(place), "is required")
        return
    yield Problem(dotted(place), _sentence(details), _shown(_value(data, place)))


def _sentence(details: ErrorDetails) -> str:
    message = (
        details["msg"].removeprefix("Value error, ").replace("Input should be ", "must be ").replace("Input should have ", "must have ")
    )
    return masked(message.replace("a valid dictionary or object to extract fields from", "a table").replace("an object", "a table"))


def _value(data: Any, place: tuple[int | str, ...]) -> Any:
    for part in place:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return data
    return data


def _shown(value: Any) -> str:
    text = masked(json.dumps(value, default=str, ensure_ascii=False))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def dotted(place: tuple[int | str, ...]) -> str:
    """The key as in the file: `models.churn.gates.tests[1]`."""
    text = ""
    for part in place:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def fields_at(root: type[BaseModel], place: tuple[int | str, ...]) -> tuple[str, ...]:
    """Names of the keys that the table at that place may have."""
    table: Any = root
    for part in place:
        if _is_table(table):
            field = table.model_fields.get(str(part))
            table = None if field is None else _given(field.annotation)
        elif get_origin(table) is dict:
            table = get_args(table)[1]
        elif get_origin(table) is tuple:
            table = get_args(table)[0]
    return tuple(table.model_fields) if _is_table(table) else ()


def keys(table: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key with its field, dotted: `models.NAME.gates.margin` where the user names NAME, `[alerts.rules].mode` in a list of tables."""
    for name, field in table.model_fields.items():
        kind = _given(field.annotation)
        if get_origin(kind) is dict and _is_table(get_args(kind)[1]):
            yield from keys(get_args(kind)[1], f"{prefix}{name}.NAME.")
        elif isinstance(kind, type) and _is_table(kind):
            yield from keys(kind, f"{prefix}{name}.")
        elif get_origin(kind) is tuple and _is_table(get_args(kind)[0]):
            yield from keys(get_args(kind)[0], f"[{prefix}{name}].")
        else:
            yield f"{prefix}{name}", field


def _given(kind: Any) -> Any:
    """The kind of a key that may be left out."""
    kinds = [each for each in get_args(kind) if each is not NoneType] if isinstance(kind, UnionType) else [kind]
    return kinds[0] if len(kinds) == 1 and _is_table(kinds[0]) else kind


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
