"""The payload log in memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from driftgate.lifecycle.payloads import Outcome, Payload, Recorded, Window


@dataclass
class FakePayloadLog:
    """The log as dictionaries: `waiting` was appended, `shipped` can be read, `outcomes` are every value told of a subject."""

    waiting: dict[str, Payload] = field(default_factory=dict)
    shipped: dict[str, Payload] = field(default_factory=dict)
    outcomes: dict[tuple[str, ...], list[Outcome]] = field(default_factory=dict)

    def append(self, payloads: Sequence[Payload]) -> Sequence[Payload]:
        return tuple(
            self.shipped.get(payload.prediction_id) or self.waiting.setdefault(payload.prediction_id, payload) for payload in payloads
        )

    def ship(self) -> int:
        moved = len(self.waiting)
        self.shipped.update(self.waiting)
        self.waiting.clear()
        return moved

    def read(
        self, model: str, window: Window, version: int | None = None, *, shadows: bool = False, bare: bool = False
    ) -> Sequence[Payload]:
        found = (
            replace(payload, features={}) if bare else payload
            for payload in self.shipped.values()
            if payload.model == model
            and window.start <= payload.event_time < window.end
            and version in (None, payload.version)
            and (shadows or payload.shadow_of is None)
        )
        return tuple(sorted(found, key=lambda payload: (payload.event_time, payload.prediction_id)))

    def recent(self, model: str, limit: int) -> Sequence[Payload]:
        mine = [each for each in self.shipped.values() if each.model == model and each.shadow_of is None and each.version is not None]
        return tuple(sorted(mine, key=lambda payload: (payload.event_time, payload.prediction_id))[-limit:])

    def stream(self, model: str, window: Window, version: int | None = None, *, shadows: bool = False) -> Iterator[Sequence[Payload]]:
        found = self.read(model, window, version, shadows=shadows)
        yield from (found[start : start + 2] for start in range(0, len(found), 2))

    def told(self, model: str, window: Window) -> Mapping[str, str | float]:
        return {payload.prediction_id: outcome.value for payload, outcome in self.joined(model, window)}

    def latest(self, model: str, window: Window, tolerance: timedelta) -> datetime | None:
        timely = (each for each in self.read(model, window) if each.event_time <= each.arrival_time + tolerance)
        return max((each.event_time for each in timely), default=None)

    def ahead(self, model: str, window: Window, tolerance: timedelta) -> int:
        return sum(each.event_time > each.arrival_time + tolerance for each in self.read(model, window))

    def joined(
        self, model: str, window: Window, version: int | None = None, *, shadows: bool = False, bare: bool = False
    ) -> Sequence[tuple[Payload, Outcome]]:
        truths: dict[str, Outcome] = {}
        told = [values[-1] for values in self.outcomes.values() if values[-1].model == model]
        for outcome in sorted(told, key=lambda outcome: (outcome.prediction_id is None, outcome.observed_at)):
            name = outcome.prediction_id or self._nearest(outcome)
            if name is not None:
                truths.setdefault(name, outcome)
        found = self.read(model, window, version, shadows=shadows, bare=bare)
        names = [payload.shadow_of or payload.prediction_id for payload in found]
        return tuple((payload, truths[name]) for payload, name in zip(found, names, strict=True) if name in truths)

    def _nearest(self, outcome: Outcome) -> str | None:
        before = [
            (payload.event_time, payload.prediction_id)
            for payload in self.shipped.values()
            if payload.entity_id == outcome.entity_id and payload.shadow_of is None and payload.event_time <= outcome.observed_at
        ]
        return max(before)[1] if before else None

    def record(self, outcomes: Sequence[Outcome]) -> Recorded:
        new = corrected = 0
        for outcome in outcomes:
            told = self.outcomes.setdefault(_identity(outcome), [])
            if (outcome.value, outcome.observed_at) in [(known.value, known.observed_at) for known in told]:
                continue
            new += not told
            corrected += bool(told) and told[-1].value != outcome.value
            told.append(outcome)
        return Recorded(new, corrected, len(outcomes) - new - corrected)


def _identity(outcome: Outcome) -> tuple[str, ...]:
    if outcome.prediction_id is not None:
        return (outcome.model, "prediction", outcome.prediction_id)
    return (outcome.model, "entity", str(outcome.entity_id), outcome.observed_at.isoformat())
