"""The ledger and its anchors in memory."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import RLock
from typing import Any

from driftgate.lifecycle import ledger as chain
from driftgate.lifecycle.attempts import attempted
from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.ledger import GENESIS, Challenge, Event, Expected, NewEvent, Serving
from tests.builders import NOON


@dataclass
class Ticking:
    """A clock that moves one second each time it is read."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class FakeLedger:
    """The ledger as a list. Bodies go through JSON, as they would on their way into a table."""

    clock: Callable[[], datetime] = field(default_factory=Ticking)
    stored: list[Event] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock)

    def append(self, event: NewEvent, expect: Expected | None = None) -> Event:
        with self.lock:
            for known in self.stored:
                if (known.subject, known.kind) == (event.subject, event.kind):
                    return known
            if expect is not None:
                chain.check(expect, self.serving(event.model), event.model)
            bare = replace(event, body=json.loads(json.dumps(plain(event.body))))
            previous = self.stored[-1].hash if self.stored else GENESIS
            self.stored.append(chain.chained(bare, len(self.stored) + 1, self.clock(), previous))
            return self.stored[-1]

    def events(self, model: str | None = None, subject: str | None = None) -> Sequence[Event]:
        return tuple(event for event in self.stored if model in (None, event.model) and subject in (None, event.subject))

    def head(self) -> Event | None:
        return self.stored[-1] if self.stored else None

    def latest(self, model: str, kind: chain.Kind) -> Event | None:
        return next((event for event in reversed(self.stored) if (event.model, event.kind) == (model, kind)), None)

    def attempts(self, model: str, holdout_sha256: str, champion: int | None) -> frozenset[int]:
        return attempted(self.stored, model, holdout_sha256, champion)

    def now(self) -> datetime:
        return self.clock()

    def champion(self, model: str) -> int | None:
        return chain.champion(self.stored, model)

    def challenger(self, model: str) -> Challenge | None:
        return chain.challenger(self.stored, model)

    def serving(self, model: str) -> Serving:
        return chain.serving(self.stored, model)


@dataclass
class FakeAnchors:
    """Anchors nothing, and counts how often it was asked to."""

    ledger: FakeLedger
    rounds: int = 0

    def catch_up(self, *, quickly: bool = False) -> None:
        del quickly
        self.rounds += 1

    def standing(self) -> dict[str, Any]:
        return {"events": len(self.ledger.stored), "anchors": []}

    def audit(self) -> dict[str, Any]:
        return {"events": len(self.ledger.stored), "head": None, "anchors": [], "problems": []}


def a_ledger_of(*events: NewEvent, expect: Mapping[int, Expected] | None = None) -> FakeLedger:
    """A ledger holding the events; `expect` gives conditions by position."""
    ledger = FakeLedger()
    for position, event in enumerate(events):
        ledger.append(event, (expect or {}).get(position))
    return ledger
