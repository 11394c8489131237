"""The port of what looks at traffic, beside those of `lifecycle/ports.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from driftgate.lifecycle.findings import Finding
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.versions import Version


@dataclass(frozen=True, slots=True)
class Watched:
    """What a look at a window came to: the findings of every monitor that is on, judged, and what could not be looked at.

    `judged`: the window of matured payloads, None where there is none; `rows`: payloads of any arm in the window. `folder` and `files`: the
    report that was drawn, by format; None and empty where none was.
    """

    rows: int
    judged: Window | None
    findings: tuple[Finding, ...]
    problems: tuple[str, ...] = ()
    folder: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)


class Watch(Protocol):
    """Looks at the traffic of a version."""

    def look(self, version: Version, key: str, at: datetime, window: Window, level: float) -> Watched:
        """What the window's traffic looks like at the moment `at`, with a chance of at most `level` of any false alarm.

        Never raises for what is wrong with payloads, outcomes, snapshot or artifact: each of those costs the measurements that need it
        and is told. Raises StoreUnavailable where the payloads cannot be read. `key` names the folder of a report that is drawn.
        """
        ...
