"""The ports of monitoring: what looks at traffic, and the book of what was found and told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from driftgate.lifecycle.alarms import Alarms
from driftgate.lifecycle.findings import Asked, Finding, Monitor, Pass
from driftgate.lifecycle.messages import Notice, Sending
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.triggers import Trigger
from driftgate.lifecycle.versions import Version


@dataclass(frozen=True, slots=True)
class Watched:
    """What a look at a window came to: the findings of every monitor that is on, judged, and what could not be looked at.

    `judged`: the window of matured payloads, None where there is none; `rows`: payloads of any arm in the window. `folder` and `files`: the
    report that was drawn, by format; None and empty where none was. `asked`: see `Pass`.
    """

    rows: int
    judged: Window | None
    findings: tuple[Finding, ...]
    problems: tuple[str, ...] = ()
    folder: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    asked: tuple[Asked, ...] = ()


class Watch(Protocol):
    """Looks at the traffic of a version."""

    def look(self, version: Version, key: str, at: datetime, window: Window, level: float) -> Watched:
        """What the window's traffic looks like at the moment `at`, with a chance of at most `level` of any false alarm.

        Never raises for what is wrong with payloads, outcomes, snapshot or artifact: each of those costs the measurements that need it
        and is told. Raises StoreUnavailable where payloads or ledger cannot be read. `key` names the folder of a report that is drawn.
        """
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """A finding as the book remembers it: of which pass, when, and of which version."""

    pass_id: str
    model: str
    version: int | None
    at: datetime
    finding: Finding


class MonitoringBook(Protocol):
    """What monitoring found, what it told of it, and what it started. Everything bears repetition: see each method."""

    def keep(self, found: Pass) -> Pass:
        """The pass as stored; a second one of the same id changes nothing and returns the first."""
        ...

    def find(self, pass_id: str) -> Pass | None:
        """The kept pass of that id, whole; None where there is none."""
        ...

    def passes(self, model: str, since: datetime | None = None, limit: int = 100) -> Sequence[Pass]:
        """The model's newest passes at or after `since`, whole, newest first."""
        ...

    def findings(
        self, model: str, since: datetime | None = None, monitor: Monitor | None = None, name: str | None = None, limit: int = 1_000
    ) -> Sequence[Found]:
        """The newest findings at or after `since`, of one monitor and name where asked, oldest first. Not those that were pruned."""
        ...

    def alarms(self, model: str) -> Alarms:
        """Where the model's alarms stand; revision 0 where no pass was taken in."""
        ...

    def settle(self, alarms: Alarms, notices: Sequence[Notice]) -> bool:
        """Whether the alarms were still at the revision before this one. Then they are stored, with the notices, in one transaction.

        A notice whose id is known already is left as it is.
        """
        ...

    def tell(self, notices: Sequence[Notice]) -> None:
        """Messages that no pass makes, stored; one whose id is known already is left as it is."""
        ...

    def notices(self, model: str | None = None, sending: Sending | None = None, limit: int = 100) -> Sequence[Notice]:
        """The newest messages, of one model and in one state where asked, newest first."""
        ...

    def gather(self, parts: Sequence[Notice], digest: Notice) -> bool:
        """Whether all parts were still to be gathered. Then they are marked, and the digest is stored, in one transaction."""
        ...

    def claim(self, now: datetime, until: datetime, limit: int = 100) -> Sequence[Notice]:
        """Waiting messages that are due, oldest first, each with one more attempt and nobody else's before `until`."""
        ...

    def attempted(self, notice: Notice) -> None:
        """What came of a claimed message, stored, unless somebody claimed it again since."""
        ...

    def decided(self, trigger: Trigger) -> Trigger | None:
        """The trigger as stored; a second one of the same id changes nothing and returns the first.

        None, and nothing is stored, where another of the model's has its sequence: weigh again.
        """
        ...

    def triggers(self, model: str, since: datetime | None = None, limit: int = 100, fired: bool | None = None) -> Sequence[Trigger]:
        """The model's newest considerations of a retrain at or after `since`, newest first; of one kind only where `fired` says which."""
        ...

    def prune(self, before: datetime, model: str | None = None) -> int:
        """The number of findings older than `before` that were deleted, of one model where asked.

        Passes keep theirs in their document; alarms and triggers stay.
        """
        ...
