"""Alarms over time: from what the passes of a model find, in order, to what is raised, still on, or over."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from driftgate.lifecycle.findings import Finding, Monitor, Pass
from driftgate.lifecycle.verdicts import Verdict

BEFORE_ALL = ""
"""The id of the pass before the first one."""

VERSIONLESS = frozenset({Monitor.TRAFFIC})
"""What another version does not end: silence is silence whoever would have answered."""


class Kind(StrEnum):
    """What there is to tell of an alarm. `CLOSED`: it ended without having passed, as `words` say."""

    RAISED = "raised"
    REMINDED = "reminded"
    RECOVERED = "recovered"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class AlarmState:
    """Where one alarm of a model stands.

    `since`: the pass that raised it; `last`: the pass that found it last; `told`: the pass that people were last told of it;
    `ended`: when it passed or was closed, None while it fires. `finding`: as it failed last; `pass_id`: in that pass.
    """

    subject: str
    version: int | None
    since: datetime
    last: datetime
    told: datetime
    finding: Finding
    pass_id: str
    ended: datetime | None = None
    words: str = ""

    @property
    def firing(self) -> bool:
        """Whether it is on."""
        return self.ended is None


@dataclass(frozen=True, slots=True)
class Alarms:
    """All alarms of a model as of the pass that was taken in last: `pass_id` at `at`, of `version`.

    `revision` counts the passes taken in, so that of two writers who read the same state one only can write. `states`: by subject;
    an alarm that is over stays until it is raised again.
    """

    model: str
    revision: int = 0
    at: datetime | None = None
    pass_id: str = BEFORE_ALL
    version: int | None = None
    states: Mapping[str, AlarmState] = field(default_factory=dict)

    @property
    def firing(self) -> tuple[AlarmState, ...]:
        """Those that are on, the oldest first."""
        return tuple(sorted((state for state in self.states.values() if state.firing), key=lambda state: (state.since, state.subject)))


@dataclass(frozen=True, slots=True)
class News:
    """Something to tell: an alarm was raised, goes on, or is over. `finding`: what says so now; for `CLOSED`, what failed last."""

    kind: Kind
    state: AlarmState
    finding: Finding


Cooldown: TypeAlias = Callable[[Finding], timedelta]
"""How long an alarm that goes on is not told again."""


def fold(alarms: Alarms, found: Pass, cooldown: Cooldown, off: Collection[Monitor] = ()) -> tuple[Alarms, tuple[News, ...]]:
    """The alarms with the pass taken in, and what there is to tell of it.

    A failing finding raises its alarm, or keeps it on: that is told again once the cooldown since it was last told is over. A passing
    one ends it. `undecided`, `not_applicable` and no finding at all change nothing: too little evidence is no recovery either. What
    fires for another version than the pass's, for a monitor that is `off`, or for something that the pass does not ask for any more, is
    closed first.

    A pass that is not newer than the last one taken in changes nothing, so that a repeat or a late one tells no old news.
    """
    if not _newer(found, alarms):
        return alarms, ()
    states, news = dict(alarms.states), list(_closed(alarms, found, off))
    states.update({told.state.subject: told.state for told in news})
    for subject, finding in _judged(found, off).items():
        state, told = _next(states.get(subject), finding, found, cooldown)
        if state is not None:
            states[subject] = state
        if told is not None:
            news.append(told)
    return Alarms(alarms.model, alarms.revision + 1, found.at, found.id, found.version, states), tuple(news)


def _newer(found: Pass, alarms: Alarms) -> bool:
    # Two passes of one instant are taken in by their ids, so that whichever comes first, the same one counts as the later.
    return alarms.at is None or (found.at, found.id) > (alarms.at, alarms.pass_id)


def _closed(alarms: Alarms, found: Pass, off: Collection[Monitor]) -> Iterator[News]:
    for state in alarms.firing:
        words = _unasked(state, found)
        if state.finding.monitor in off:
            words = "it is no longer watched"
        elif state.version != found.version and state.finding.monitor not in VERSIONLESS:
            words = "nothing serves any more" if found.version is None else f"version {found.version} took over"
        if words:
            yield News(Kind.CLOSED, replace(state, ended=found.at, words=words), state.finding)


def _unasked(state: AlarmState, found: Pass) -> str:
    """Why what the alarm is about is measured no more; empty where it is, or is to be: what could not be measured is still asked for."""
    if any(finding.subject == state.subject and finding.verdict in (Verdict.FAIL, Verdict.PASS) for finding in found.findings):
        # Measured all the same, on rows from before it was taken out.
        return ""
    asked = next((asked for asked in found.asked if asked.monitor is state.finding.monitor), None)
    return "" if asked is None or state.finding.name in asked.names else f"it is no longer measured: {asked.words}"


def _judged(found: Pass, off: Collection[Monitor]) -> Mapping[str, Finding]:
    """The findings by subject; of several of one subject the one that blocks most, as `verdicts.combined` would have it."""
    judged: dict[str, Finding] = {}
    for finding in found.findings:
        known = judged.get(finding.subject)
        if finding.monitor not in off and (known is None or _rank(finding) < _rank(known)):
            judged[finding.subject] = finding
    return judged


def _rank(finding: Finding) -> int:
    return (Verdict.FAIL, Verdict.UNDECIDED, Verdict.PASS, Verdict.NOT_APPLICABLE).index(finding.verdict)


def _next(state: AlarmState | None, finding: Finding, found: Pass, cooldown: Cooldown) -> tuple[AlarmState | None, News | None]:
    firing = state is not None and state.firing
    if finding.verdict is Verdict.PASS and state is not None and firing:
        over = replace(state, ended=found.at, words="it passed")
        return over, News(Kind.RECOVERED, over, finding)
    if finding.verdict is not Verdict.FAIL:
        return state, None
    if state is None or not firing:
        raised = AlarmState(finding.subject, found.version, found.at, found.at, found.at, finding, found.id)
        return raised, News(Kind.RAISED, raised, finding)
    on = replace(state, version=found.version, last=found.at, finding=finding, pass_id=found.id)
    if found.at - on.told < cooldown(finding):
        return on, None
    on = replace(on, told=found.at)
    return on, News(Kind.REMINDED, on, finding)
