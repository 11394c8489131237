"""The keys that sign the ledger's anchors: a configured one, or one that is made once and kept in the state folder."""

import secrets
from pathlib import Path

from driftgate.lifecycle.anchors import Keys
from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.service.made_once import make_once
from driftgate.service.settings import Settings

FILE = "ledger.key"
BYTES = 32
OTHERS = 0o077
"""The permissions of everybody but the owner."""


def keys_of(settings: Settings) -> Keys:
    """The key that signs, and those that signed before. Raises InvalidConfiguration where the kept one cannot be read or made.

    Without `storage.ledger_key` the key is a file that only its owner can read. It stays known where a key is configured later.
    """
    storage, path = settings.storage, settings.state / FILE
    former = tuple(each.encode() for each in storage.ledger_former_keys)
    if storage.ledger_key is not None:
        return Keys(storage.ledger_key.encode(), (*former, *([_read(path)] if path.exists() else [])))
    return Keys(_read(path) if path.exists() else _made(path), former)


def exposed(settings: Settings) -> str | None:
    """Why the kept key is no secret; None where it is one, or there is none."""
    path = settings.state / FILE
    if path.exists() and path.stat().st_mode & OTHERS:
        return f"{path} can be read by others: chmod 600 it, or better set storage.ledger_key"
    return None


def _read(path: Path) -> bytes:
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise InvalidConfiguration(f"the ledger's key {path} cannot be read: {error.strerror}", field="storage.ledger_key") from error
    if not key:
        raise InvalidConfiguration(f"the ledger's key {path} is empty: restore it, or set storage.ledger_key", field="storage.ledger_key")
    return key


def _made(path: Path) -> bytes:
    try:
        make_once(path, secrets.token_hex(BYTES).encode())
    except OSError as error:
        raise InvalidConfiguration(f"the ledger's key {path} cannot be made: {error.strerror}", field="storage.ledger_key") from error
    return _read(path)
