"""What is not to be logged: features left out, or replaced by a keyed hash."""

import hmac
import math
import re
from collections.abc import Collection, Mapping
from typing import Any

from driftgate.lifecycle.canonical import canonical
from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.lifecycle.plan import Scalar

MARK = "hmac:"
_HASHED = re.compile(rf"{MARK}[0-9a-f]{{64}}")


class Redaction:
    """The rule of one model. `redact`: features that are left out; `hash`: features logged as `hmac:` and 64 hex digits.

    The hash is HMAC-SHA256 over the feature's name and value, so that equal values of a feature stay equal, and nobody without
    the key can try values. Equal numbers hash alike (1 and 1.0); a missing value stays missing, and so does a hash: applied to
    what it was applied to, the rule changes nothing. Raises InvalidConfiguration where there is something to hash and no key.
    """

    def __init__(self, redact: Collection[str] = (), hash: Collection[str] = (), key: str | None = None) -> None:  # noqa: A002 - the setting's name
        if hash and not key:
            raise InvalidConfiguration("features can be hashed with a key only: set storage.hash_key", field="storage.hash_key")
        self._redact, self._hash, self._key = frozenset(redact), frozenset(hash), (key or "").encode()
        self._touched = self._redact | self._hash

    def applied(self, features: Mapping[str, Scalar]) -> Mapping[str, Scalar]:
        """The features as they may be logged; the same mapping where nothing of it is to be hidden."""
        if self._touched.isdisjoint(features):
            return features
        return {
            name: self._hashed(name, value) if name in self._hash else value for name, value in features.items() if name not in self._redact
        }

    def _hashed(self, name: str, value: Scalar) -> str | None:
        # numpy's numbers know how to become Python's.
        plain: Any = value
        plain = plain.item() if hasattr(plain, "item") else plain
        if plain is None or (isinstance(plain, float) and not math.isfinite(plain)):
            return None
        if isinstance(plain, str) and _HASHED.fullmatch(plain):
            return plain
        # Half a surrogate pair has no UTF-8 of its own, and is a value like any other.
        told = canonical([name, plain]).encode(errors="surrogatepass")
        return MARK + hmac.digest(self._key, told, "sha256").hex()
