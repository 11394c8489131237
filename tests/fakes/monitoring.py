"""What monitoring keeps, in memory, and reports as files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import RLock

from driftgate.lifecycle.alarms import Alarms
from driftgate.lifecycle.findings import Monitor, Pass
from driftgate.lifecycle.messages import Notice, Sending
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.ports import Report
from driftgate.lifecycle.ports_watching import Found, Watched
from driftgate.lifecycle.triggers import Trigger
from driftgate.lifecycle.versions import Version


@dataclass
class FakeReports:
    """Kept reports and, by report and file name, the bytes that were in the folder."""

    kept: dict[str, Report] = field(default_factory=dict)
    contents: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def keep(self, report: Report, folder: str) -> Report:
        for path in Path(folder).glob("**/*"):
            if path.is_file():
                self.contents[report.id, path.relative_to(folder).as_posix()] = path.read_bytes()
        return self.kept.setdefault(report.id, report)

    def listed(self, model: str) -> Sequence[Report]:
        mine = (report for report in self.kept.values() if report.model == model)
        return tuple(sorted(mine, key=lambda report: (report.created, report.id), reverse=True))


def _written(root: Path, key: str, texts: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    folder = root / key
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, text in texts.items():
        (folder / f"report.{suffix}").write_text(text, encoding="utf-8")
    return str(folder), {suffix: f"report.{suffix}" for suffix in texts}


@dataclass
class FakeWatch:
    """Sees what it was told to, and draws a page below `root` where there is one. `calls`: what each look was asked for."""

    root: Path | None = None
    seen: Watched = field(default_factory=lambda: Watched(rows=0, judged=None, findings=()))
    calls: list[tuple[int, str, datetime, Window, float]] = field(default_factory=list)

    def look(self, version: Version, key: str, at: datetime, window: Window, level: float) -> Watched:
        self.calls.append((version.number, key, at, window, level))
        if self.root is None:
            return self.seen
        folder, files = _written(self.root, key, {"html": "<!doctype html><title>pass</title>", "json": "{}"})
        return replace(self.seen, folder=folder, files=files)


@dataclass
class FakeMonitoringBook:
    """The book as dictionaries."""

    kept: dict[str, Pass] = field(default_factory=dict)
    settled: dict[str, Alarms] = field(default_factory=dict)
    messages: dict[str, Notice] = field(default_factory=dict)
    considered: dict[str, Trigger] = field(default_factory=dict)
    pruned: dict[str, datetime] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)

    def keep(self, found: Pass) -> Pass:
        return self.kept.setdefault(found.id, found)

    def find(self, pass_id: str) -> Pass | None:
        return self.kept.get(pass_id)

    def passes(self, model: str, since: datetime | None = None, limit: int = 100) -> Sequence[Pass]:
        mine = [found for found in self.kept.values() if found.model == model and (since is None or found.at >= since)]
        return sorted(mine, key=lambda found: (found.at, found.id), reverse=True)[:limit]

    def findings(
        self, model: str, since: datetime | None = None, monitor: Monitor | None = None, name: str | None = None, limit: int = 1_000
    ) -> Sequence[Found]:
        every = [
            Found(found.id, model, found.version, found.at, finding)
            for found in self.passes(model, since, len(self.kept))[::-1]
            for finding in found.findings
            if monitor in (None, finding.monitor) and name in (None, finding.name) and found.at >= self.pruned.get(model, found.at)
        ]
        return every[-limit:]

    def alarms(self, model: str) -> Alarms:
        return self.settled.get(model, Alarms(model))

    def settle(self, alarms: Alarms, notices: Sequence[Notice]) -> bool:
        with self.lock:
            if self.alarms(alarms.model).revision != alarms.revision - 1:
                return False
            self.settled[alarms.model] = alarms
            for notice in notices:
                self.messages.setdefault(notice.id, notice)
            return True

    def tell(self, notices: Sequence[Notice]) -> None:
        with self.lock:
            for notice in notices:
                self.messages.setdefault(notice.id, notice)

    def notices(self, model: str | None = None, sending: Sending | None = None, limit: int = 100) -> Sequence[Notice]:
        found = [each for each in self.messages.values() if model in (None, each.model) and sending in (None, each.sending)]
        return sorted(found, key=lambda each: (each.at, each.id), reverse=True)[:limit]

    def gather(self, parts: Sequence[Notice], digest: Notice) -> bool:
        with self.lock:
            if any(self.messages[part.id].sending is not Sending.GATHERING for part in parts):
                return False
            for part in parts:
                self.messages[part.id] = replace(self.messages[part.id], sending=Sending.GATHERED, ended=digest.at)
            self.messages.setdefault(digest.id, digest)
            return True

    def claim(self, now: datetime, until: datetime, limit: int = 100) -> Sequence[Notice]:
        with self.lock:
            due = [each for each in self.messages.values() if each.sending is Sending.WAITING and each.due <= now]
            claimed = [replace(each, attempts=each.attempts + 1, due=until) for each in sorted(due, key=lambda each: (each.at, each.id))]
            self.messages.update({each.id: each for each in claimed[:limit]})
            return claimed[:limit]

    def attempted(self, notice: Notice) -> None:
        with self.lock:
            known = self.messages[notice.id]
            if (known.attempts, known.sending) == (notice.attempts, Sending.WAITING):
                self.messages[notice.id] = replace(
                    known, sending=notice.sending, due=notice.due, problem=notice.problem, ended=notice.ended
                )

    def decided(self, trigger: Trigger) -> Trigger | None:
        with self.lock:
            taken = any((each.model, each.sequence) == (trigger.model, trigger.sequence) for each in self.considered.values())
            if trigger.id in self.considered or taken:
                return self.considered.get(trigger.id)
            return self.considered.setdefault(trigger.id, trigger)

    def triggers(self, model: str, since: datetime | None = None, limit: int = 100, fired: bool | None = None) -> Sequence[Trigger]:
        mine = [each for each in self.considered.values() if each.model == model and fired in (None, each.fired)]
        return sorted((each for each in mine if since is None or each.at >= since), key=lambda each: -each.sequence)[:limit]

    def prune(self, before: datetime, model: str | None = None) -> int:
        models = {found.model for found in self.kept.values()} if model is None else {model}
        every = [found for name in models for found in self.findings(name)]
        self.pruned |= dict.fromkeys(models, before)
        self.messages = {
            name: each
            for name, each in self.messages.items()
            if each.at >= before or each.sending in (Sending.WAITING, Sending.GATHERING) or model not in (None, each.model or model)
        }
        return sum(found.at < before for found in every)
