"""Anchors: the ledger's head, signed, to be kept where whoever can write the ledger's table cannot.

A hash chain shows that a row was changed. It does not show that rows were cut off its end, nor that somebody computed all of it
anew. An anchor does: it says which hash a row had, at which moment, under a key that the database does not hold.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from driftgate.lifecycle.canonical import canonical, plain
from driftgate.lifecycle.errors import LedgerBroken
from driftgate.lifecycle.ledger import Event, checked

KEY_NAME = b"driftgate ledger key"
KEY_ID_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Anchor:
    """Row `sequence` of the ledger had this hash at that moment. `key`: the id of the key that signed it."""

    sequence: int
    hash: str
    at: datetime
    key: str
    signature: str


@dataclass(frozen=True, slots=True)
class Keys:
    """What anchors are signed with (HMAC-SHA256), and the keys that signed earlier ones."""

    current: bytes
    former: tuple[bytes, ...] = ()

    def sign(self, head: Event, at: datetime) -> Anchor:
        """The head, signed with the current key."""
        key = key_id(self.current)
        return Anchor(head.sequence, head.hash, at, key, _signature(self.current, head.sequence, head.hash, at, key))

    def objection(self, anchor: Anchor) -> str | None:
        """Why the anchor proves nothing; None where one of the keys signed it."""
        key = next((each for each in (self.current, *self.former) if key_id(each) == anchor.key), None)
        if key is None:
            return f"is signed with key {anchor.key}, which is not known here"
        wanted = _signature(key, anchor.sequence, anchor.hash, anchor.at, anchor.key)
        return None if hmac.compare_digest(wanted, anchor.signature) else "does not have its signature: it was changed or made up"


def key_id(key: bytes) -> str:
    """A name of the key that does not tell it."""
    return hmac.new(key, KEY_NAME, hashlib.sha256).hexdigest()[:KEY_ID_LENGTH]


def _signature(key: bytes, sequence: int, head: str, at: datetime, key_name: str) -> str:
    words = canonical({"sequence": sequence, "hash": head, "at": at, "key": key_name})
    return hmac.new(key, words.encode(), hashlib.sha256).hexdigest()


def written(anchor: Anchor) -> str:
    """The anchor as one line of JSON."""
    return canonical(plain(anchor))


def read(document: Mapping[str, Any]) -> Anchor:
    """The anchor that a document holds. Raises ValueError where it holds none."""
    try:
        at = datetime.fromisoformat(str(document["at"]))
        anchor = Anchor(int(document["sequence"]), str(document["hash"]), at, str(document["key"]), str(document["signature"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"is no anchor: {type(error).__name__} {error}") from error
    if at.tzinfo is None:
        raise ValueError("is no anchor: its time has no zone")
    return anchor


@dataclass(frozen=True, slots=True)
class Chain:
    """The ledger as it was walked: its rows' hashes in order, up to where the chain broke, and why it did."""

    hashes: tuple[str, ...]
    problem: str | None = None

    @property
    def head(self) -> str | None:
        """The hash of the last row; None for an empty ledger."""
        return self.hashes[-1] if self.hashes else None


def walk(events: Iterable[Event]) -> Chain:
    """The chain that the events, from the first one on, form."""
    hashes: list[str] = []
    try:
        # What was walked before the break is kept.
        hashes.extend(event.hash for event in checked(events))
    except LedgerBroken as error:
        return Chain(tuple(hashes), error.message)
    return Chain(tuple(hashes))


@dataclass(frozen=True, slots=True)
class Holding:
    """What a place holds. `recorded`: the last row that it is known to have taken; `problems`: what could not be read of it."""

    place: str
    anchors: tuple[Anchor, ...] = ()
    problems: tuple[str, ...] = ()
    recorded: int = 0


@dataclass(frozen=True, slots=True)
class Checked:
    """A place, compared with the ledger. `last`: the last row that it anchors; `behind`: how many rows were appended since."""

    place: str
    anchors: int
    last: int
    behind: int
    problems: tuple[str, ...]


def compare(chain: Chain, holding: Holding, keys: Keys) -> Checked:
    """Whether the ledger is the one that the place's anchors were made of, and how far the place is behind."""
    problems, trusted = list(holding.problems), []
    for anchor in holding.anchors:
        objection = keys.objection(anchor)
        if objection is None:
            trusted.append(anchor)
        else:
            problems.append(f"the anchor of row {anchor.sequence} in {holding.place} {objection}")
    last = max((anchor.sequence for anchor in trusted), default=0)
    if last < holding.recorded and not holding.problems:
        problems.append(f"{holding.place} took the anchor of row {holding.recorded}, and holds none after row {last}: anchors were removed")
    problems += _contradictions(chain, trusted, holding.place)
    return Checked(holding.place, len(holding.anchors), last, max(0, len(chain.hashes) - last), tuple(problems))


def _contradictions(chain: Chain, anchors: Sequence[Anchor], place: str) -> Sequence[str]:
    count, problems = len(chain.hashes), []
    within = [anchor for anchor in anchors if 1 <= anchor.sequence <= count]
    agreeing = [anchor.sequence for anchor in within if chain.hashes[anchor.sequence - 1] == anchor.hash]
    wrong = min((anchor for anchor in within if chain.hashes[anchor.sequence - 1] != anchor.hash), key=_order, default=None)
    if wrong is not None:
        first = max((number for number in agreeing if number < wrong.sequence), default=0) + 1
        rows = f"row {first} was" if first == wrong.sequence else f"a row from {first} to {wrong.sequence} was"
        problems.append(
            f"{rows} replaced and the chain computed anew: the anchor of row {wrong.sequence} in {place}, "
            f"signed {wrong.at.isoformat()}, names another hash"
        )
    beyond = max((anchor for anchor in anchors if anchor.sequence > count), key=_order, default=None)
    # Where the chain broke on the way, rows after the break were not read: that they are there is not disputed.
    if beyond is not None and chain.problem is None:
        rows = f"row {beyond.sequence} was" if beyond.sequence == count + 1 else f"rows {count + 1} to {beyond.sequence} were"
        problems.append(
            f"{rows} cut off: the anchor of row {beyond.sequence} in {place}, signed {beyond.at.isoformat()}, names it, "
            f"and the ledger ends at row {count}"
        )
    return problems


def _order(anchor: Anchor) -> int:
    return anchor.sequence
