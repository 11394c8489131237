"""Shadow: the challenger scores what the champion answered, afterwards and elsewhere, and nobody waits for it."""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Protocol
from uuid import NAMESPACE_OID, uuid5

from driftgate.lifecycle.errors import DriftgateError, InvalidConfiguration
from driftgate.lifecycle.flows.predicting import takes
from driftgate.lifecycle.instances import Instance
from driftgate.lifecycle.payloads import Arm, Output, Payload
from driftgate.lifecycle.ports import Ledger
from driftgate.service.serving.loaded import LoadedVersion, ScorerSource, warmed
from driftgate.service.serving.remembered import replaced

logger = logging.getLogger(__name__)

ROWS = 512


class Tail(Protocol):
    """The payload log, read in order of arrival as it grows."""

    def append(self, payloads: Sequence[Payload]) -> Sequence[Payload]:
        """The payloads, logged."""
        ...

    @property
    def identity(self) -> str:
        """The id of the outbox, to which positions belong."""
        ...

    def backlog(self) -> int:
        """The payloads that wait to be shipped."""
        ...

    def head(self) -> int:
        """The position of the last payload."""
        ...

    def appended(self, after: int, limit: int) -> tuple[Sequence[Payload], int]:
        """The payloads after a position that are still kept, at most `limit`, and the position up to which they go."""
        ...


class Shadow:
    """Reads the outbox behind the serving processes, from the moment a challenger is named, and logs what it would have answered.

    `shadowing`: by model, whether a challenger that answers a share of traffic also scores the champion's; one that is named
    for shadow only always does. `hidden`: by model, features that are not logged as they are; a version that reads one cannot be
    tried in shadow, since its row is read back from the log. Where it stands is kept in `file`, and a shadow's id follows from
    the id of the answer, so that a restart repeats nothing. Rows that the challenger cannot take are left out. While more than
    `room` payloads wait to be shipped it pauses: what is left of the outbox belongs to answers.
    """

    def __init__(
        self,
        shadowing: Mapping[str, bool],
        ledger: Ledger,
        source: ScorerSource,
        log: Tail,
        file: Path,
        hidden: Mapping[str, Collection[str]] | None = None,
        room: int = 500_000,
    ) -> None:
        self._room = room
        self._shadowing, self._ledger, self._source, self._log, self._file = dict(shadowing), ledger, source, log, file
        self._hidden = {model: frozenset(names) for model, names in (hidden or {}).items()}
        self._challengers: dict[str, LoadedVersion] = {}

    def once(self) -> int:
        """The number of payloads logged in shadow, of answers that were there when it began.

        Raises StoreUnavailable, and what loading a challenger raises, after the other models had their turn.
        """
        scored = 0
        problems: list[Exception] = []
        for model in self._shadowing:
            try:
                scored += self._score(model)
            except Exception as error:  # noqa: BLE001 - one model must not hold back the others
                problems.append(error)
        if problems:
            raise problems[0]
        return scored

    def _score(self, model: str) -> int:
        challenger = self._challenger(model)
        if challenger is None:
            return 0
        # Not until nothing is left: under steady traffic that never comes, and the ledger and the other models wait.
        scored, until = 0, self._log.head()
        while self._places[model][1] < until and self._log.backlog() <= self._room:
            found, place = self._log.appended(self._places[model][1], ROWS)
            scored += self._shadowed(challenger, [payload for payload in found if _answered_by_champion(payload, model)])
            self._move(model, challenger.number, place)
        return scored

    def _challenger(self, model: str) -> LoadedVersion | None:
        challenge = self._ledger.serving(model).challenger
        if challenge is None or not (challenge.shadow_only or self._shadowing[model]):
            self._challengers.pop(model, None)
            return None
        loaded = self._challengers.get(model)
        if loaded is None or loaded.number != challenge.version:
            version = self._source.version(model, challenge.version)
            unread = sorted(self._hidden.get(model, frozenset()) & set(version.schema.features))
            if unread:
                raise InvalidConfiguration(
                    f"version {challenge.version} of {model} reads {', '.join(unread)}, which payloads.redact or payloads.hash hides "
                    "from the log: it cannot score in shadow",
                    field=f"models.{model}.payloads",
                )
            loaded = self._challengers[model] = warmed(self._source, version)
            logger.info("version %s of %s scores in shadow now", challenge.version, model)
        if self._places.get(model, (0, 0))[0] != challenge.version:
            self._move(model, challenge.version, self._log.head())
        return loaded

    def _shadowed(self, challenger: LoadedVersion, answered: Sequence[Payload]) -> int:
        rows = [(payload, Instance(payload.features, payload.entity_id)) for payload in answered]
        taken = [(payload, instance) for payload, instance in rows if takes(challenger, instance)]
        answers = _answers(challenger, taken)
        if len(answers) < len(taken):
            logger.warning("version %s of %s failed in shadow on %s rows", challenger.number, challenger.model, len(taken) - len(answers))
        now = datetime.now(UTC)
        self._log.append(
            [
                replace(
                    payload,
                    prediction_id=shadow_id(payload.prediction_id, challenger.number),
                    version=challenger.number,
                    arm=Arm.CHALLENGER,
                    output=output,
                    arrival_time=now,
                    shadow_of=payload.prediction_id,
                )
                for payload, output in answers
            ]
        )
        return len(answers)

    def _move(self, model: str, number: int, place: int) -> None:
        self._places[model] = (number, place)
        replaced(self._file, json.dumps({"outbox": self._log.identity, "places": self._places}))

    @cached_property
    def _places(self) -> dict[str, tuple[int, int]]:
        """By model, the challenger and how far it scored. Read late: what cannot be read must not stop the shipping beside."""
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
            if content["outbox"] != self._log.identity:
                return {}
            return {model: (int(number), int(place)) for model, (number, place) in content["places"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DriftgateError(f"{self._file}, which says how far shadows were scored, cannot be read: {error}; delete it") from error


def _answers(challenger: LoadedVersion, taken: Sequence[tuple[Payload, Instance]]) -> list[tuple[Payload, Output]]:
    """Each payload with what the challenger answers its row; without those on which it fails, found by halving."""
    if not taken:
        return []
    try:
        outputs = challenger.outputs([instance for _, instance in taken])
    except Exception:  # noqa: BLE001 - whatever a model raises, the rows after must be reached
        middle = len(taken) // 2
        return [] if not middle else [*_answers(challenger, taken[:middle]), *_answers(challenger, taken[middle:])]
    return [(payload, output) for (payload, _), output in zip(taken, outputs, strict=True)]


def shadow_id(prediction_id: str, version: int) -> str:
    """The id of the payload that version logs in the shadow of another."""
    return str(uuid5(NAMESPACE_OID, f"{prediction_id}\0{version}"))


def _answered_by_champion(payload: Payload, model: str) -> bool:
    return payload.model == model and payload.arm is Arm.CHAMPION
