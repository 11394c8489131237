"""What discovery yields, what a target takes, and what a run comes to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from driftgate.payloads.rows import Row


class Layout(StrEnum):
    """How payloads lie in the store: many to a Parquet part, as the shipper writes them, or one to a JSON file."""

    PARTS = "parts"
    JSON = "json"

    @property
    def ending(self) -> str:
        """How the keys of its objects end."""
        return ".parquet" if self is Layout.PARTS else ".json"


@dataclass(frozen=True, slots=True)
class Found:
    """An object that may hold payloads not loaded yet. `modified`: when it was stored, where the listing says so."""

    key: str
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Holds once every object found before it is settled: a later run may start from here. An empty value takes the mark away."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a key's payloads (or one payload) were not loaded."""

    key: str
    why: str


Step: TypeAlias = Found | Mark | Problem
"""What discovery yields, in order. A problem is something that could not be read while looking."""


@dataclass(slots=True)
class Batch:
    """What a target takes in one go: objects by key, each with its rows or why it could not be read, and the marks that then hold."""

    loaded: dict[str, Sequence[Row]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)

    def rows(self) -> Iterator[Row]:
        """The payloads of all objects."""
        for rows in self.loaded.values():
            yield from rows

    def __bool__(self) -> bool:
        return bool(self.loaded or self.failed or self.marks)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch: the rows that the target did not have, and those that it cannot take."""

    new: int
    refused: Sequence[Problem] = ()


class Target(Protocol):
    """Where payloads go. It also remembers how far a source has been loaded, so that the two cannot disagree."""

    def marks(self) -> Mapping[str, str]:
        """The marks that hold."""
        ...

    def failed(self) -> Sequence[str]:
        """The keys that could not be read before."""
        ...

    def unknown(self, keys: Sequence[str]) -> Sequence[str]:
        """Those of the keys that were not loaded, as far as the target knows, in order."""
        ...

    def take(self, batch: Batch) -> Taken:
        """The batch is stored, and then what it says of objects and marks. Known prediction ids are stored once.

        Raises InvalidData, and stores nothing, where something of the batch cannot be stored.
        """
        ...


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a run did. `problems` are kept up to a bound, `skipped` counts all of them."""

    objects: int
    payloads: int
    new: int
    skipped: int
    problems: Sequence[Problem]
    seconds: float
