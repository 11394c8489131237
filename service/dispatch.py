"""Where a command's work is done: in this process, under an exclusive lock, or by a living worker."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from driftgate.lifecycle.errors import Busy, DriftgateError, Unavailable
from driftgate.lifecycle.flows import challenging, promoting
from driftgate.lifecycle.ledger import Kind, State
from driftgate.service.anchoring import anchor_within
from driftgate.service.application import Application
from driftgate.service.carding import make_within
from driftgate.service.documents import Document
from driftgate.service.durable.jobs import Jobs
from driftgate.service.durable.workers import Roster
from driftgate.service.work import WORK


def dispatch(app: Application, roster: Roster, jobs: Jobs, kind: str, job_id: str, *arguments: Any) -> Document:
    """The document of the work, done by a living worker where there is one, else here.

    Raises what the work raised; from a worker, as a DriftgateError with the same words.
    """
    if roster.alive():
        return through_worker(jobs, jobs.enqueue(kind, job_id, *arguments))
    document = alone(app, lambda: WORK[kind](app, *arguments))
    if kind == "monitor":
        deliver(app)
    return document


def through_worker(jobs: Jobs, job_id: str) -> Document:
    """The document of a queued job, once the worker has done it."""
    job = jobs.wait(job_id)
    if job.state == "failed" or job.result is None:
        raise DriftgateError(job.error or f"job {job_id} left no result")
    return job.result


def alone(app: Application, work: Callable[[], Document]) -> Document:
    """The document of work done in this process while no other lone command works on the project.

    Promotions that an earlier command left half done are finished first.
    """
    from filelock import FileLock, Timeout

    lock = Path(app.settings.state) / "command.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            _finish_promotions(app)
            document = work()
            _tidy_challenges(app)
    except Timeout as error:
        raise Busy(
            f"another driftgate command works on this project (lock {lock}); wait for it, or start a worker and let it queue"
        ) from error
    anchor_within(app.anchors)
    make_within(app.cards)
    return document


def deliver(app: Application) -> None:
    """Sends what waits, where no worker lives and nobody else would. To be called outside the lock: a channel may hang."""
    with suppress(Unavailable):
        app.alerts.deliver_pending(datetime.now(UTC))


def _tidy_challenges(app: Application) -> None:
    # A decision ends a challenge. Where no worker lives, nobody else would take the alias away. MLflow, which takes longer to import
    # than most commands to run, is asked only where there was a challenge.
    with suppress(Unavailable):
        for model in app.settings.models:
            if any(event.kind in (Kind.CHALLENGED, Kind.STAGED) for event in app.ledger.events(model=model)):
                challenging.reconcile(model, app.ledger, app.registry)


def _finish_promotions(app: Application) -> None:
    for model in app.settings.models:
        for promotion in promoting.promotions(model, app.ledger):
            if promotion.state is State.RUNNING:
                WORK["promotion"](app, promotion.id, app.settings.policy(model))
