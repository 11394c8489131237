"""Monitors that are asked one by one, so that what goes wrong in one costs that one."""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from driftgate.lifecycle.errors import DriftgateError
from driftgate.lifecycle.findings import Finding, Monitor
from driftgate.lifecycle.verdicts import Verdict
from driftgate.registry.secrecy import hidden

logger = logging.getLogger(__name__)

MEASUREMENT = "measurement"
"""The name of the finding that a monitor leaves where it could not measure."""

Made = TypeVar("Made")


@dataclass(slots=True)
class Guarded:
    """The findings of one pass as they come in, and in words what could not be done. `off`: monitors that are not asked."""

    off: Collection[Monitor] = ()
    findings: list[Finding] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def ask(self, monitor: Monitor, measure: Callable[[], Iterable[Finding]]) -> Sequence[Finding]:
        """What the monitor finds; nothing where it is off, and an undecided finding that says why where it could not measure."""
        if monitor in self.off:
            return ()
        found, why = self._tried(lambda: tuple(measure()))
        if why is not None:
            found = (Finding(monitor, MEASUREMENT, Verdict.UNDECIDED, reasons=(f"not measured: {why}",)),)
            self.problems.append(f"{monitor.value}: {why}")
        made = [finding for finding in found or () if finding.monitor not in self.off]
        self.findings += made
        return made

    def tried(self, what: str, make: Callable[[], Made]) -> Made | None:
        """What is made; None, and a problem, where that fails."""
        made, why = self._tried(make)
        if why is not None:
            self.problems.append(f"{what}: {why}")
        return made

    def _tried(self, make: Callable[[], Made]) -> tuple[Made | None, str | None]:
        try:
            return make(), None
        except DriftgateError as error:
            return None, error.message
        except Exception as error:
            logger.exception("a measurement failed")
            return None, hidden(f"unexpected {type(error).__name__}: {error}")


class Once(Generic[Made]):
    """A property that is made when it is first asked for: the same value from then on, or the same error."""

    def __init__(self, make: Callable[[Any], Made]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    def __get__(self, owner: Any, kind: type | None = None) -> Made:
        kept = owner.__dict__.setdefault("_once", {})
        if self._name not in kept:
            try:
                kept[self._name] = self._make(owner), None
            except Exception as error:  # noqa: BLE001 - kept, and raised below each time
                kept[self._name] = None, error
        made, failed = kept[self._name]
        if failed is not None:
            raise failed
        found: Made = made
        return found
