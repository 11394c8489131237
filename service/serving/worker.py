"""One serving process: what uvicorn starts, once or several times."""

import logging
import multiprocessing
import os
import signal
import threading
from pathlib import Path

from fastapi import FastAPI

from driftgate.service.bootstrap import wire
from driftgate.service.http.app import create_app
from driftgate.service.logs import log_to_stderr
from driftgate.service.processes import PROJECT
from driftgate.service.serving.metrics import forget_dead_processes
from driftgate.service.settings import load


def app() -> FastAPI:
    """The API of the project that the environment names. It starts without the database, where it has served before."""
    log_to_stderr()
    end_with_parent()
    forget_dead_processes()
    return create_app(wire(load(Path(os.environ[PROJECT])), logging.getLogger(__name__).info, patient=True).parts())


def end_with_parent() -> None:
    """Asks this process to end when the one that supervises the workers is gone, however it died.

    A worker left alone would keep the port from the next start, and nobody would ship what it logs.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
