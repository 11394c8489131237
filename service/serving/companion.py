"""What a host does beside answering: it ships payloads and lets challengers score in shadow, in a process of its own.

Neither may take the processor from a prediction, so neither shares its interpreter.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from driftgate.lifecycle.errors import DriftgateError

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
NICENESS = 10


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do again and again. `once` gives the number of payloads it moved."""

    name: str
    once: Callable[[], int]


class Companion:
    """One thread per chore: one that fails waits longer and longer, and holds back nobody else."""

    def __init__(self, chores: Sequence[Chore]) -> None:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(chore,), name=chore.name, daemon=True) for chore in chores]

    def run(self) -> None:
        """Works until told to stop."""
        for thread in self._threads:
            thread.start()
        self._stop.wait()
        for thread in self._threads:
            thread.join(timeout=10)

    def stop(self) -> None:
        """Ends the work after what is being done."""
        self._stop.set()

    def _repeat(self, chore: Chore) -> None:
        pause = PAUSE_SECONDS
        while not self._stop.wait(pause):
            try:
                chore.once()
                pause = PAUSE_SECONDS
            except DriftgateError as error:
                logger.warning("%s waits: %s", chore.name, error.message)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            except Exception:
                # What is not shipped stays in the outbox, so trying again loses nothing.
                logger.exception("%s failed and is tried again", chore.name)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def ends_with_parent(stop: Callable[[], None]) -> None:
    """Calls `stop` when standard input closes: the parent holds the other end, and has died, however it died."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        stop()

    threading.Thread(target=wait, name="parent", daemon=True).start()
