"""Outcomes in SQL: every value that was told of a payload, the last one in force."""

import json
import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, exists, select
from sqlalchemy.exc import IntegrityError, OperationalError

from driftgate.lifecycle.canonical import sha256
from driftgate.lifecycle.errors import InvalidRequest
from driftgate.lifecycle.payloads import Outcome, Recorded, Revision, Window
from driftgate.payloads.answering import answering
from driftgate.payloads.rows import ID_LENGTH, MODEL_LENGTH, instant, storable, to_json
from driftgate.payloads.tables import outcomes, payloads

LOOKUP = 500
"""Ids in one query: SQLite and Postgres bound the parameters of a statement."""

ATTEMPTS = 20
PAUSE_SECONDS = 0.05


class Told(NamedTuple):
    """What was told of a subject: the how manieth value, and when it was observed."""

    revision: int
    value: str | float
    observed_at: datetime


class SqlOutcomes:
    """Late truths by subject: a prediction, or an entity at a time. Each subject's values are numbered from 1 in order of arrival."""

    def __init__(self, engine: Engine, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine, self._now = engine, now
        self._readers = engine.execution_options(isolation_level="AUTOCOMMIT")

    def record(self, given: Sequence[Outcome]) -> Recorded:
        """How many outcomes were new, how many changed what was known of their subject, how many said nothing new.

        All of them or none is stored. A value that was told before with the same time stays a repeat for ever, so that an old
        file sent again does not undo a correction. Raises InvalidRequest where an outcome names neither a prediction nor an
        entity, or has no value; InvalidData where it has no time zone.
        """
        known_at = self._now()
        rows = [outcome_row(outcome, known_at) for outcome in given]
        with answering():
            for attempt in range(ATTEMPTS):
                try:
                    with self._engine.begin() as connection:
                        return _store(connection, rows)
                except (IntegrityError, OperationalError) as error:
                    # Somebody else told of the same subjects at the same moment: what they stored counts now.
                    if attempt == ATTEMPTS - 1 or error.connection_invalidated:
                        raise
                    time.sleep(random.uniform(0, PAUSE_SECONDS))  # noqa: S311 - only spreads the writers
        return Recorded()

    def history(self, model: str, prediction_id: str) -> Sequence[Revision]:
        """Every value told of the prediction by its id, first to last; the last one is in force."""
        query = select(outcomes).where(outcomes.c.subject == subject_of(model, prediction_id)).order_by(outcomes.c.revision)
        with answering(), self._readers.connect() as connection:
            found = [row._mapping for row in connection.execute(query)]  # noqa: SLF001 - SQLAlchemy's public name
        return [Revision(row["revision"], _outcome(row), row["recorded_at"]) for row in found]

    def truths(self, model: str, window: Window, horizon: timedelta | None) -> Mapping[str, Outcome]:
        """By prediction id, the outcomes in force of the window's answers: see `SqlLog.joined`."""
        found: dict[str, Outcome] = {}
        with answering(), self._readers.connect() as connection:
            for query in (_by_name(model, window), _by_entity(model, window, horizon)):
                for row in connection.execute(query):
                    if horizon is None or row.prediction_id is not None or row.observed_at - row.event_time <= horizon:
                        found.setdefault(row.belongs_to, _outcome(row._mapping))  # noqa: SLF001 - the same
        return found

    def values(self, model: str, window: Window, horizon: timedelta | None) -> Mapping[str, str | float]:
        """The values of `truths` alone, in a fraction of its memory."""
        named, told = _by_name(model, window), _by_entity(model, window, horizon)
        by_name, by_entity = named.selected_columns, told.selected_columns
        with answering(), self._readers.connect() as connection:
            rows = connection.execute(named.with_only_columns(by_name.belongs_to, by_name.value))
            found = {name: json.loads(value) for name, value in rows}
            columns = (by_entity.belongs_to, by_entity.value, by_entity.observed_at, by_entity.event_time)
            for name, value, observed_at, event_time in connection.execute(told.with_only_columns(*columns)):
                if horizon is None or observed_at - event_time <= horizon:
                    found.setdefault(name, json.loads(value))
        return found


def subject_of(model: str, prediction_id: str | None, entity_id: str | None = None, observed_at: datetime | None = None) -> str:
    """The digest of what an outcome is about: the prediction, or else the entity at the time."""
    if prediction_id is not None:
        return sha256([model, "prediction", prediction_id])
    return sha256([model, "entity", entity_id, observed_at])


def _store(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> Recorded:
    known = _known(connection, sorted({row["subject"] for row in rows}))
    new = corrected = 0
    fresh: list[Mapping[str, Any]] = []
    for row in rows:
        told = known.setdefault(row["subject"], [])
        value, observed_at = json.loads(row["value"]), row["observed_at"]
        if any((known.value, known.observed_at) == (value, observed_at) for known in told):
            continue
        new += not told
        # The same value seen once more changes nothing, but is kept: sent again after a correction, it is old news.
        corrected += bool(told) and told[-1].value != value
        told.append(Told(told[-1].revision + 1 if told else 1, value, observed_at))
        # Never counts down: of a subject whose first revisions were deleted, the others keep their numbers.
        fresh.append({**row, "revision": told[-1].revision})
    if fresh:
        # In the order of the key, so that two writers with subjects in common wait for each other and do not deadlock.
        connection.execute(outcomes.insert(), sorted(fresh, key=lambda row: (row["subject"], row["revision"])))
    return Recorded(new, corrected, len(rows) - new - corrected)


def _known(connection: Connection, subjects: Sequence[str]) -> dict[str, list[Told]]:
    known: dict[str, list[Told]] = {}
    query = select(outcomes.c.subject, outcomes.c.revision, outcomes.c.value, outcomes.c.observed_at)
    for start in range(0, len(subjects), LOOKUP):
        for row in connection.execute(query.where(outcomes.c.subject.in_(subjects[start : start + LOOKUP]))):
            known.setdefault(row.subject, []).append(Told(row.revision, json.loads(row.value), row.observed_at))
    # Not in SQL: asked for an order, Postgres may walk the whole index.
    for told in known.values():
        told.sort(key=lambda each: each.revision)
    return known


def outcome_row(outcome: Outcome, recorded_at: datetime) -> dict[str, Any]:
    """The outcome as it is stored, without its revision. Raises InvalidRequest or InvalidData where it cannot be."""
    storable("model", outcome.model, MODEL_LENGTH)
    for field, name in (("prediction_id", outcome.prediction_id), ("entity_id", outcome.entity_id)):
        if name is not None:
            storable(field, name, ID_LENGTH)
    if outcome.prediction_id is None and outcome.entity_id is None:
        raise InvalidRequest("an outcome needs the prediction_id it belongs to, or an entity_id and the time", field="prediction_id")
    value: Any = outcome.value.item() if hasattr(outcome.value, "item") else outcome.value
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise InvalidRequest(f"the outcome {value!r} is not a label or a finite number", field="value")
    observed = instant("observed_at", outcome.observed_at)
    return {
        "subject": subject_of(outcome.model, outcome.prediction_id, outcome.entity_id, observed), "model": outcome.model,
        "prediction_id": outcome.prediction_id, "entity_id": outcome.entity_id, "value": to_json(value), "observed_at": observed,
        "recorded_at": recorded_at,
    }  # fmt: skip


def _in_force() -> ColumnElement[bool]:
    newer = outcomes.alias("newer")
    return ~exists().where(newer.c.subject == outcomes.c.subject, newer.c.revision > outcomes.c.revision)


def _answers(model: str, window: Window) -> ColumnElement[bool]:
    return and_(
        payloads.c.model == model,
        payloads.c.event_time >= window.start,
        payloads.c.event_time < window.end,
        payloads.c.shadow_of.is_(None),
    )


def _by_name(model: str, window: Window) -> Select[Any]:
    """Outcomes in force that name an answer of the window."""
    return (
        select(outcomes, outcomes.c.prediction_id.label("belongs_to"), payloads.c.event_time)
        .join(payloads, payloads.c.prediction_id == outcomes.c.prediction_id)
        .where(outcomes.c.model == model, _answers(model, window), _in_force())
    )


def _by_entity(model: str, window: Window, horizon: timedelta | None) -> Select[Any]:
    """Outcomes in force of an entity whose nearest answer at or before them is in the window, first observed first."""
    earlier = payloads.alias("earlier")
    nearest = (
        select(earlier.c.prediction_id)
        .where(
            earlier.c.model == model,
            earlier.c.entity_id == outcomes.c.entity_id,
            earlier.c.event_time <= outcomes.c.observed_at,
            earlier.c.shadow_of.is_(None),
        )
        .order_by(earlier.c.event_time.desc(), earlier.c.prediction_id.desc())
        .limit(1)
        .scalar_subquery()
    )
    told = select(outcomes, nearest.label("belongs_to")).where(
        outcomes.c.model == model, outcomes.c.prediction_id.is_(None), outcomes.c.observed_at >= window.start, _in_force()
    )
    if horizon is not None:
        told = told.where(outcomes.c.observed_at < window.end + horizon)
    found = told.subquery("told")
    return (
        select(found, payloads.c.event_time)
        .join(payloads, payloads.c.prediction_id == found.c.belongs_to)
        .where(_answers(model, window))
        .order_by(found.c.observed_at, found.c.subject)
    )


def _outcome(row: Mapping[Any, Any]) -> Outcome:
    return Outcome(row["model"], json.loads(row["value"]), row["observed_at"], row["prediction_id"], row["entity_id"])
