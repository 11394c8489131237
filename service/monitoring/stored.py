"""Frozen values as JSON text, and back from it by their own annotations."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from driftgate.lifecycle.canonical import plain

Value = TypeVar("Value")

NAMED = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
"""Numbers that JSON has no form for, as `plain` names them."""


def written(value: object) -> str:
    """The value as JSON text in ASCII, which every database stores as it is: half a surrogate pair and NUL are escaped."""
    return json.dumps(plain(value), separators=(",", ":"), allow_nan=False)


def read(kind: type[Value], text: str) -> Value:
    """The value of that kind that `written` made the text of.

    Fields that the kind has gained since take their defaults, those that it has lost are left out. Raises ValueError, TypeError or
    KeyError for a text that is none.
    """
    return cast("Value", _made(kind, json.loads(text)))


def _made(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin in (UnionType, Union):
        return _one_of(get_args(kind), value)
    if origin is tuple:
        item = get_args(kind)[0]
        return tuple(_made(item, each) for each in value)
    if origin is not None and issubclass(origin, Mapping):
        item = get_args(kind)[1]
        return {name: _made(item, each) for name, each in value.items()}
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return kind(**{each.name: _made(hints[each.name], value[each.name]) for each in fields(kind) if each.name in value})
    if kind is datetime:
        return datetime.fromisoformat(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return NAMED.get(value, value) if kind is float and isinstance(value, str) else value


def _one_of(kinds: tuple[Any, ...], value: Any) -> Any:
    if value is None:
        return None
    (first, *others) = [each for each in kinds if each is not NoneType]
    if not others:
        return _made(first, value)
    # Of plain kinds only: JSON tells them apart itself, but for the numbers that it has no form for.
    return NAMED.get(value, value) if isinstance(value, str) else value


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind)
