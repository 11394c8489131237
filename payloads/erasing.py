"""Deleting payloads and their outcomes from SQL: those that grew old, and those of one entity."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, and_, exists, func, or_, select

from driftgate.payloads.answering import answering
from driftgate.payloads.outcomes import LOOKUP
from driftgate.payloads.tables import outcomes, payloads


@dataclass(frozen=True, slots=True)
class Erased:
    """How many payloads, and how many outcomes with every revision, are gone."""

    payloads: int = 0
    outcomes: int = 0

    def __add__(self, other: "Erased") -> "Erased":
        return Erased(self.payloads + other.payloads, self.outcomes + other.outcomes)


class SqlErasure:
    """Deletes in small transactions, so that nobody waits long; every call may be repeated, and goes on where one before it ended."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._readers = engine.execution_options(isolation_level="AUTOCOMMIT")

    def expired(self, model: str, before: datetime) -> Erased:
        """What `expire` would delete."""
        old = exists().where(payloads.c.prediction_id == outcomes.c.prediction_id, _older(model, before))
        with answering(), self._readers.connect() as connection:
            aged = connection.execute(select(func.count()).select_from(payloads).where(_older(model, before))).scalar_one()
            told = select(func.count()).select_from(outcomes).where(outcomes.c.model == model, or_(old, _alone(before)))
            return Erased(aged, connection.execute(told).scalar_one())

    def expire(self, model: str, before: datetime) -> Erased:
        """The model's payloads with an event time before the instant, deleted with their outcomes.

        So are outcomes observed before it that belong to no payload here: those of an entity, whose payload was earlier still,
        and those whose payload never came.
        """
        return self._payloads(_older(model, before)) + self._outcomes(and_(outcomes.c.model == model, _alone(before)))

    def of_entity(self, model: str, entity_id: str) -> Erased:
        """The entity's payloads and outcomes, deleted."""
        mine = self._payloads(and_(payloads.c.model == model, payloads.c.entity_id == entity_id))
        return mine + self._outcomes(and_(outcomes.c.model == model, outcomes.c.entity_id == entity_id))

    def of_predictions(self, model: str, prediction_ids: Sequence[str]) -> Erased:
        """The payloads of these ids and the outcomes that name them, deleted; either may be absent."""
        total = Erased()
        for start in range(0, len(prediction_ids), LOOKUP):
            total += self._predictions(model, prediction_ids[start : start + LOOKUP])
        return total

    def _payloads(self, wanted: ColumnElement[bool]) -> Erased:
        total, found = Erased(), [("", "")]
        while found:
            with answering(), self._readers.connect() as connection:
                query = select(payloads.c.model, payloads.c.prediction_id).where(wanted).limit(LOOKUP)
                found = [(row.model, row.prediction_id) for row in connection.execute(query)]
            if found:
                total += self._predictions(found[0][0], [name for _, name in found])
        return total

    def _predictions(self, model: str, ids: Sequence[str]) -> Erased:
        # In one transaction: once its payload is gone, nothing leads to an outcome that names it.
        with answering(), self._engine.begin() as connection:
            told = connection.execute(outcomes.delete().where(outcomes.c.model == model, outcomes.c.prediction_id.in_(ids))).rowcount
            gone = connection.execute(payloads.delete().where(payloads.c.model == model, payloads.c.prediction_id.in_(ids))).rowcount
        return Erased(gone, told)

    def _outcomes(self, wanted: ColumnElement[bool]) -> Erased:
        total, found = 0, [""]
        while found:
            with answering(), self._readers.connect() as connection:
                found = list(connection.execute(select(outcomes.c.subject).where(wanted).distinct().limit(LOOKUP)).scalars())
            if found:
                with answering(), self._engine.begin() as connection:
                    total += connection.execute(outcomes.delete().where(outcomes.c.subject.in_(found))).rowcount
        return Erased(outcomes=total)


def _older(model: str, before: datetime) -> ColumnElement[bool]:
    return and_(payloads.c.model == model, payloads.c.event_time < before)


def _alone(before: datetime) -> ColumnElement[bool]:
    """Outcomes that no payload here is named by, of which nothing newer was told."""
    newer = outcomes.alias("newer")
    kept = exists().where(payloads.c.prediction_id == outcomes.c.prediction_id)
    told_since = exists().where(newer.c.subject == outcomes.c.subject, newer.c.observed_at >= before)
    return and_(outcomes.c.observed_at < before, ~kept, ~told_since)
