"""The asking side of durable work: enqueue a job, look at it, wait for it. Never launches DBOS."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from driftgate.lifecycle.errors import DriftgateError, JobNotFound, Unavailable
from driftgate.lifecycle.ledger import Promotion
from driftgate.lifecycle.policy import Policy
from driftgate.registry.secrecy import hidden
from driftgate.service.documents import Document
from driftgate.service.durable.workflows import APP_NAME, GENERATION, QUEUES

STATES = {"ENQUEUED": "queued", "DELAYED": "queued", "PENDING": "running", "SUCCESS": "done"}
"""DBOS status -> the state a caller sees; every other status is `failed`."""


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of durable work. `result` is its document once `state` is `done`, `error` says why it is `failed`."""

    id: str
    kind: str
    state: str
    result: Document | None = None
    error: str | None = None


class Jobs:
    """The client of the worker's queues. The workflow tables are made on first use, so that an API may start before any worker."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Any = None
        self._connecting = threading.Lock()

    def _connected(self) -> Any:
        with self._connecting:
            if self._client is None:
                from dbos import DBOS, DBOSClient

                logging.getLogger("dbos").setLevel(logging.WARNING)
                DBOS.migrate(self._url)
                self._client = DBOSClient(system_database_url=self._url, application_name=APP_NAME)
            return self._client

    def enqueue(self, kind: str, job_id: str, *arguments: Any) -> str:
        """The job's id, queued; an id that is known already is left as it is."""
        options = {
            "workflow_name": kind,
            "queue_name": QUEUES[kind],
            "workflow_id": job_id,
            "app_version": GENERATION,
            "application_name": APP_NAME,
        }
        self._connected().enqueue(options, *arguments)
        return job_id

    def promote(self, promotion: Promotion, policy: Policy) -> str:
        """The id of the job that carries the promotion on from where it stands: to its judgement, or from its approval."""
        stage = "decide" if promotion.approver else "judge"
        return self.enqueue("promotion", f"{promotion.id}.{stage}.{GENERATION}", promotion.id, policy)

    def find(self, job_id: str) -> Job:
        """The job as it stands. Raises JobNotFound."""
        found = self._connected().list_workflows(workflow_ids=[job_id])
        if not found:
            raise JobNotFound(f"there is no job {job_id}")
        status = found[0]
        state = STATES.get(status.status, "failed")
        error = _words(status.error) if state == "failed" else None
        return Job(job_id, status.name, state, status.output if state == "done" else None, error)

    def unfinished(self, kind: str) -> Sequence[tuple[str, Sequence[Any]]]:
        """Id and arguments of every job of the kind that is queued or running, the oldest first."""
        found = self._connected().list_workflows(name=kind, status=[name for name, state in STATES.items() if state != "done"])
        return [(status.workflow_id, tuple(status.input["args"]) if status.input else ()) for status in found]

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """The job once it ended. Raises Unavailable where it has not within `timeout` seconds; it goes on nevertheless."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            job = self.find(job_id)
            if job.state in {"done", "failed"}:
                return job
            if deadline is not None and time.monotonic() > deadline:
                raise Unavailable(f"job {job_id} is still {job.state}; it goes on: look again with the same id")
            time.sleep(0.2)

    def close(self) -> None:
        """Releases the connections."""
        if self._client is not None:
            self._client.destroy()
            self._client = None


def _words(error: object) -> str:
    if isinstance(error, DriftgateError):
        return error.message
    return hidden(f"{type(error).__name__}: {error}") if error is not None else "it was cancelled or gave up"
