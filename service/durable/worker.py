"""The worker: runs the workflows, takes over from dead workers, finishes what a crash left open."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from driftgate.lifecycle.flows import approving, promoting
from driftgate.lifecycle.ledger import State
from driftgate.service import upkeep
from driftgate.service.anchoring import anchor_within
from driftgate.service.application import Application
from driftgate.service.carding import make_within
from driftgate.service.durable.jobs import Jobs
from driftgate.service.durable.workers import HEARTBEAT_SECONDS, Roster
from driftgate.service.durable.workflows import APP_NAME, CLOCK_QUEUE, GENERATION, QUEUES, register
from driftgate.service.monitoring.announcing import Announcing
from driftgate.service.monitoring.keeping import Keeping
from driftgate.service.monitoring.schedules import Clock
from driftgate.service.monitoring.timetable import appointments

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2
UPKEEP_SECONDS = 5.0


class Worker:
    """One worker process. At most one per process: DBOS keeps global state. `clock`: what schedules are held against."""

    def __init__(
        self, app: Application, roster: Roster, jobs: Jobs, workflow_url: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._app = app
        self._roster = roster
        self._jobs = jobs
        self._url = workflow_url
        self._clock = clock
        self._keeping = Keeping(app.settings, app.book)
        self._announcing = Announcing(app.settings, app.book, jobs)
        self._schedules = Clock(appointments(app.settings), CLOCK_QUEUE)
        self._executor = ""
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Launches DBOS under a fresh executor id, and begins to work."""
        from dbos import DBOS

        self._executor = self._roster.join(GENERATION)
        DBOS(
            config={
                "name": APP_NAME,
                "system_database_url": self._url,
                "application_version": GENERATION,
                "executor_id": self._executor,
                "log_level": "WARNING",
                "console_log_level": "WARNING",
                "notification_listener_polling_interval_sec": POLL_SECONDS,
            }
        )
        clocked = register(self._app)
        DBOS.launch()
        for queue in sorted(set(QUEUES.values())):
            DBOS.register_queue(queue, worker_concurrency=1, polling_interval_sec=POLL_SECONDS)
        self._schedules.apply(clocked, self._clock())
        self._loop("heartbeat", HEARTBEAT_SECONDS, lambda: self._roster.beat(self._executor))
        self._loop("upkeep", UPKEEP_SECONDS, self.upkeep)
        self._loop("schedules", UPKEEP_SECONDS, self.catch_up)
        self._loop("announcements", UPKEEP_SECONDS, lambda: self._announcing.announce(datetime.now(UTC)))
        # A loop of its own: a channel that hangs must not keep a dead worker's promotions waiting.
        self._loop("messages", UPKEEP_SECONDS, lambda: self._app.alerts.deliver_pending(datetime.now(UTC)))
        # And another: neither an object store nor an MLflow that hangs may hold anything up.
        # And one for roll-outs, whose guards are to see harm within seconds.
        self._loop("roll-outs", UPKEEP_SECONDS, self.tend)
        self._loop("anchors", UPKEEP_SECONDS, self._app.anchors.catch_up)
        self._loop("cards", UPKEEP_SECONDS, self._app.cards.catch_up)

    def run(self) -> None:
        """Works until `stop` is called."""
        self._stop.wait()

    def ask_to_stop(self) -> None:
        """Makes `run` return; safe in a signal handler."""
        self._stop.set()

    def stop(self) -> None:
        """Ends the work; what is half done is taken up by the next worker."""
        from dbos import DBOS

        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=10)
        # The roster row stays: the next worker finds it dead, and takes over what was not finished in time.
        DBOS.destroy(workflow_completion_timeout_sec=5)
        anchor_within(self._app.anchors)
        make_within(self._app.cards)

    def upkeep(self) -> None:
        """Takes over from the dead, queues promotions that nobody runs, puts aliases right, and forgets old findings."""
        self._take_over()
        for model in self._app.settings.models:
            self._resume(model)
            upkeep.reconcile(self._app, model, self._clock())
        self._keeping.forget(self._clock())

    def tend(self) -> None:
        """Looks at every roll-out: what one model's traffic cannot tell must not keep the others waiting."""
        for model in self._app.settings.models:
            try:
                self._app.rollouts.tend(model)
            except Exception:
                logger.exception("the roll-outs of %s could not be looked at; they are looked at again", model)

    def catch_up(self) -> None:
        """Queues what fell due while no worker lived, and retrains that were decided and never queued."""
        self._schedules.catch_up(self._clock())
        self._app.triggers.resume(datetime.now(UTC))

    def _take_over(self) -> None:
        from dbos import DBOS

        for executor in self._roster.dead():
            # Unlike the public `resume_workflow`, this re-queues only what the dead executor still owns, so that two
            # workers that notice its death together cannot start a workflow twice.
            DBOS._recover_pending_workflows([executor])  # noqa: SLF001 - explained above
            self._roster.leave(executor)

    def _resume(self, model: str) -> None:
        # A request may have reached the ledger and not the queue; the flow is idempotent, so asking again is safe.
        for promotion in promoting.promotions(model, self._app.ledger):
            if promotion.state is State.AWAITING_APPROVAL:
                approving.expire(promotion.id, self._app.ledger)
            if promotion.state is State.RUNNING:
                self._jobs.promote(promotion, self._app.settings.policy(model))

    def _loop(self, name: str, seconds: float, act: Callable[[], object]) -> None:
        def run() -> None:
            while True:
                try:
                    act()
                except Exception:
                    logger.exception("%s failed; it is tried again", name)
                if self._stop.wait(seconds):
                    return

        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)
