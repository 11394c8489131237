"""Where anchors of the ledger are kept outside its database: a file of the state folder, the object store, and MLflow's tags."""

import json
import os
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from driftgate.lifecycle.anchors import Anchor, read, written
from driftgate.lifecycle.errors import NotFound, StoreUnavailable
from driftgate.payloads.objects import ObjectStore
from driftgate.service.made_once import make_once

FOLDER = "ledger/"
ENDING = ".anchor"
"""Not `.json`: the ETL takes every such object of a store for payloads, where it is told to."""

TAG = "driftgate.ledger_anchor"

PLACE_ID = "place.id"
ID_BYTES = 4


@dataclass(frozen=True, slots=True)
class Read:
    """What a place holds: anchors, and what of it cannot be read."""

    anchors: tuple[Anchor, ...]
    problems: tuple[str, ...]


class Place(Protocol):
    """Keeps anchors. Every method raises Unavailable where the place does not answer."""

    @property
    def name(self) -> str:
        """What people call it; never changes."""
        ...

    def put(self, anchor: Anchor) -> bool:
        """Whether it was kept; False where there is nothing yet that it could be kept with."""
        ...

    def read(self) -> Read:
        """All that is kept."""
        ...


class FileAnchors(Place):
    """A file that only grows, one line for each anchor. Named after an id in its folder: a host's name changes with each container."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._id: str | None = None

    @property
    def name(self) -> str:
        """See the port."""
        try:
            return f"{self._path.name} (folder {self._identified()})"
        except StoreUnavailable:
            return f"{self._path.name} (folder without an id)"

    def _identified(self) -> str:
        """The folder's id, made where there is none. Raises StoreUnavailable."""
        if self._id is None:
            path = self._path.with_name(PLACE_ID)
            try:
                if not path.exists():
                    make_once(path, secrets.token_hex(ID_BYTES).encode())
                found = path.read_text(encoding="ascii", errors="replace").strip()
            except OSError as error:
                raise StoreUnavailable(f"{path} cannot be written or read: {error.strerror or error}") from error
            if not re.fullmatch(f"[0-9a-f]{{{2 * ID_BYTES}}}", found):
                raise StoreUnavailable(f"{path} holds no id: restore it, or delete it and a new one is made")
            self._id = found
        return self._id

    def put(self, anchor: Anchor) -> bool:
        """See the port: on the disk before it returns. A line that a power cut left unfinished is dropped first."""
        self._identified()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "rb+") as file:
                known = file.read()
                whole = known.rfind(b"\n") + 1
                if whole != len(known):
                    file.truncate(whole)
                file.write(f"{written(anchor)}\n".encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreUnavailable(f"{self._path} cannot be written: {error.strerror or error}") from error
        return True

    def read(self) -> Read:
        """See the port."""
        self._identified()
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return Read((), ())
        except OSError as error:
            raise StoreUnavailable(f"{self._path} cannot be read: {error.strerror or error}") from error
        lines = content[: content.rfind(b"\n") + 1].splitlines()
        return _readable((f"line {number} of {self.name}", line.decode(errors="replace")) for number, line in enumerate(lines, start=1))


class StoreAnchors(Place):
    """One object for each anchor, named after its row, in the store that payloads are shipped to."""

    name = "the object store"

    def __init__(self, store: Callable[[], ObjectStore]) -> None:
        self._store = store

    def put(self, anchor: Anchor) -> bool:
        """See the port."""
        self._store().put(f"{FOLDER}{anchor.sequence:012d}-{anchor.key}{ENDING}", written(anchor).encode())
        return True

    def read(self) -> Read:
        """See the port."""
        store = self._store()
        keys = [key for key in store.listed(FOLDER) if key.endswith(ENDING)]
        return _readable((f"object {key}", store.get(key).decode(errors="replace")) for key in keys)


class Tagged(Protocol):
    """The registry, as far as tags go."""

    def mark(self, model: str, number: int | None, tags: Mapping[str, str]) -> None:
        """Sets tags of the version, or with None of the model."""
        ...

    def marks(self, model: str) -> Mapping[int | None, Mapping[str, str]]:
        """The tags of the model (None) and of each of its versions."""
        ...


class TagAnchors(Place):
    """A tag of each registered model, which holds the newest anchor, and one of its champion, which thus keeps the last of its time."""

    name = "MLflow's tags"

    def __init__(self, registry: Tagged, models: Sequence[str], champion: Callable[[str], int | None]) -> None:
        self._registry = registry
        self._models = models
        self._champion = champion

    def put(self, anchor: Anchor) -> bool:
        """See the port. A model that MLflow does not know yet is left out; a tag that names a later row stays.

        Another worker may have anchored more meanwhile, and a ledger that was cut must not take the proof of it along.
        """
        kept = False
        for model in self._models:
            champion = self._champion(model)
            tags = self._registry.marks(model)
            try:
                for number in (None,) if champion is None else (None, champion):
                    if _row(tags.get(number, {}).get(TAG)) <= anchor.sequence:
                        self._registry.mark(model, number, {TAG: written(anchor)})
            except NotFound:
                continue
            kept = kept or bool(tags)
        return kept

    def read(self) -> Read:
        """See the port."""
        found = {}
        for model in self._models:
            for number, tags in self._registry.marks(model).items():
                if TAG in tags:
                    found[f"the tag of {model}{'' if number is None else f' version {number}'}"] = tags[TAG]
        return _readable(found.items())


def _row(text: str | None) -> int:
    """The row that a tag names; 0 for none, and for what is no anchor."""
    try:
        return 0 if text is None else read(json.loads(text)).sequence
    except (ValueError, TypeError):
        return 0


def _readable(found: Iterable[tuple[str, str]]) -> Read:
    anchors, problems = list[Anchor](), []
    for name, text in found:
        try:
            document = json.loads(text)
            anchors.append(read(document if isinstance(document, dict) else {}))
        except ValueError as error:
            problems.append(f"{name} {error if 'is no anchor' in str(error) else 'is not readable JSON'}: it was changed")
    return Read(tuple(anchors), tuple(problems))
