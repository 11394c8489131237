"""One way to write a value as bytes, so that equal values have equal hashes."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any


def plain(value: Any) -> Any:
    """The value as JSON types: dataclasses become objects, datetimes ISO 8601 (in UTC if aware), NaN and infinities their names."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spare white space, equal numbers written alike: 1.0 as 1 and -0.0 as 0, as in RFC 8785."""
    return json.dumps(_equalised(plain(value)), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _equalised(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _equalised(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_equalised(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def sha256(value: Any) -> str:
    """Hex SHA-256 of the canonical form."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
