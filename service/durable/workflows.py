"""The workflows, registered with DBOS: each piece of work over checkpointed ports."""

from typing import Any

from driftgate.service.application import Application
from driftgate.service.documents import Document
from driftgate.service.durable.steps import checkpointed
from driftgate.service.work import WORK

APP_NAME = "driftgate"

GENERATION = "1"
"""DBOS application version. It changes only when the order of a workflow's steps does: docs/discussions/workflows.md."""

QUEUES = {
    "retrain": "retrains",
    "gate": "decisions",
    "promotion": "decisions",
    "challenge": "decisions",
    "drift": "reports",
    "simulation": "reports",
}
"""Name of the workflow -> its queue. A retrain that takes an hour must not keep a rollback waiting."""


def register(app: Application) -> None:
    """Makes every piece of work a workflow of its name, to be called before DBOS launches."""
    durable = app.wrapped(checkpointed)
    for name in WORK:
        _register_one(name, durable)


def _register_one(name: str, durable: Application) -> None:
    from dbos import DBOS

    work = WORK[name]

    @DBOS.workflow(name=name)
    def workflow(*arguments: Any) -> Document:
        document: Document = work(durable, *arguments)
        return document
