"""The workflows, registered with DBOS: each piece of work over checkpointed ports."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

from driftgate.service.application import Application
from driftgate.service.documents import Document
from driftgate.service.durable.steps import checkpointed
from driftgate.service.monitoring.schedules import Workflow, superseded
from driftgate.service.monitoring.timetable import appointments
from driftgate.service.work import CLOCKED, WORK

APP_NAME = "driftgate"

GENERATION = "3"
"""DBOS application version. It changes only when the order of a workflow's steps does: docs/discussions/workflows.md."""

CLOCK_QUEUE = "passes"

QUEUES = {
    "retrain": "retrains",
    "gate": "decisions",
    "promotion": "decisions",
    "challenge": "decisions",
    "drift": "reports",
    "simulation": "reports",
    "monitor": CLOCK_QUEUE,
    "weighing": "trials",
}
"""Name of the workflow -> its queue. A retrain that takes an hour must not keep a rollback waiting, nor a trial refit the next pass."""


def register(app: Application) -> Mapping[str, Workflow]:
    """Makes every piece of work a workflow of its name, to be called before DBOS launches. Those that the clock starts, by name."""
    durable = app.wrapped(checkpointed)
    for name in WORK:
        _register_one(name, durable)
    return {name: _register_clocked(name, durable) for name in CLOCKED}


def _register_one(name: str, durable: Application) -> None:
    from dbos import DBOS

    work = WORK[name]

    @DBOS.workflow(name=name)
    def workflow(*arguments: Any) -> Document:
        document: Document = work(durable, *arguments)
        return document


def _register_clocked(name: str, durable: Application) -> Workflow:
    from dbos import DBOS

    work = CLOCKED[name]

    @DBOS.workflow(name=name)
    def workflow(tick: datetime, context: Any) -> Document:
        model = context["model"]
        due = next((each for each in appointments(durable.settings) if (each.workflow, each.model) == (name, model)), None)
        # A step, so that a workflow that is taken over decides as it did before.
        now: datetime = DBOS.run_step({"name": "clock.now"}, datetime.now, UTC)
        if due is None:
            return {"skipped": "it is not scheduled any more"}
        if superseded(due, tick, now):
            return {"skipped": f"the tick of {due.latest(now).isoformat()} covers it"}
        document: Document = work(durable, model, tick)
        return document

    # DBOS asks for a function that returns nothing, and keeps what it returns nevertheless.
    return cast("Workflow", workflow)
