"""What the service's driftgate.toml proposes now, read again only when the file was changed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from driftgate.lifecycle.errors import DriftgateError
from driftgate.lifecycle.policy import Policy
from driftgate.service.settings import FILE_NAME, Settings, load

RETRY_SECONDS = 10.0
"""A file that could not be read is read again after this: a store of secrets that was down may be up, with the file unchanged."""

Stamp = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the file proposes for a model; or why it proposes nothing."""

    policy: Policy | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """The settings, or why there are none, of the file as it was; `until`: when to try again, by a clock that never goes back."""

    stamp: Stamp
    found: Settings | str
    until: float


class Proposals:
    """Reading the file resolves every secret that it refers to, which whoever may only look must not set off with each request."""

    def __init__(
        self,
        project: Path,
        read: Callable[[Path], Settings] = load,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._project = project
        self._read = read
        self._clock = clock
        self._known: _Known | None = None

    def of(self, model: str) -> Proposal:
        """The model's proposal. Raises nothing for a file that is broken, absent, or does not declare the model any more."""
        found = self._current()
        if isinstance(found, str):
            return Proposal(None, f"the service's {FILE_NAME} cannot be read, so nothing is proposed: {found}")
        try:
            return Proposal(found.policy(model))
        except DriftgateError as error:
            return Proposal(None, f"nothing is proposed: {error.message}")

    def _current(self) -> Settings | str:
        # Before the file is read: an edit in between is then seen by the next request.
        stamp, known = self._stamp(), self._known
        if known is None or known.stamp != stamp or self._clock() >= known.until:
            known = self._known = self._loaded(stamp)
        return known.found

    def _loaded(self, stamp: Stamp) -> _Known:
        try:
            return _Known(stamp, self._read(self._project), float("inf"))
        except DriftgateError as error:
            return _Known(stamp, error.message, self._clock() + RETRY_SECONDS)

    def _stamp(self) -> Stamp:
        try:
            found = (self._project / FILE_NAME).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
