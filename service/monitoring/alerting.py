"""Alarms told to people: passes taken in, messages made of what is new, and sent until they arrive."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from driftgate.lifecycle.alarms import Kind, News, fold
from driftgate.lifecycle.canonical import sha256
from driftgate.lifecycle.errors import Unavailable
from driftgate.lifecycle.findings import Monitor, Pass
from driftgate.lifecycle.messages import Notice, Sending
from driftgate.lifecycle.ports_watching import MonitoringBook
from driftgate.lifecycle.verdicts import Verdict
from driftgate.service.monitoring import wording
from driftgate.service.monitoring.channels import Channels
from driftgate.service.notices import AT_ONCE, RETRIES, WAIT_SECONDS, send
from driftgate.service.settings import Settings

logger = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
MOST_ATTEMPTS = 29
"""A failed message is tried again after a minute, then after twice as long each time up to an hour, and given up after a day of that.

Counted in attempts and not by the clock: a pass that is caught up is of an earlier instant.
"""

SHOWN_FOR = timedelta(days=1)
"""How long people who ask how things stand are told of what was given up."""

OVERDUE = timedelta(minutes=10)
UNTRIED = "nobody tried: a worker, or the next driftgate monitor, sends them"

AT_A_TIME = 20
ATTEMPTS = 50
MOST_PARTS = 1_000
"""Messages that one digest gathers; the rest is for the next one."""


class Alerting:
    """What is told, where to and how often, by the rules of `[alerts]`."""

    def __init__(self, settings: Settings, book: MonitoringBook, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._settings = settings
        self._book = book
        self._channels = Channels(settings.alerts)
        self._wait_seconds = wait_seconds

    def take_in(self, found: Pass) -> Sequence[Notice]:
        """The messages that the pass makes, stored with the new states of its model's alarms; none for a pass that was taken in before.

        Nothing is sent yet: see `deliver_pending`. Raises Unavailable where other passes of the model keep coming in between.
        """
        off = self._settings.models[found.model].monitoring.off
        for _ in range(ATTEMPTS):
            before = self._book.alarms(found.model)
            after, news = fold(before, found, lambda finding: self._channels.route(found.model, finding.monitor).cooldown, off)
            if after is before:
                return ()
            notices = [*self._notices(found, news), *self._better(found)]
            if self._book.settle(after, notices):
                return notices
        raise Unavailable(f"the alarms of {found.model} were changed {ATTEMPTS} times while a pass was taken in: try again")

    def tell(self, key: str, model: str, title: str, body: str) -> None:
        """A message of its own to every channel of `[alerts]` and of its rules, kept until delivered; the same key again tells no more."""
        now = datetime.now(UTC)
        made = [Notice(notice_id(key, channel), model, None, channel, title, body, now, now) for channel in self._channels.named]
        self._book.tell(made)

    def send_digest(self, now: datetime) -> Sequence[Notice]:
        """The digests of what was put aside up to `now`, one for each channel that has something; they wait to be delivered."""
        waiting: dict[str, list[Notice]] = {}
        found = self._book.notices(sending=Sending.GATHERING, limit=MOST_PARTS)
        for part in sorted(found, key=lambda part: (part.at, part.model or "", part.id)):
            if part.at <= now:
                waiting.setdefault(part.channel, []).append(part)
        digests = [(parts, self._digest(channel, parts, now)) for channel, parts in waiting.items()]
        return [made for parts, made in digests if self._book.gather(parts, made)]

    def deliver_pending(self, now: datetime) -> int:
        """How many messages that are due were delivered. Never raises for a channel: what failed is tried again later, or given up.

        A process that dies between sending and noting it down sends the message once more.
        """
        timeout = timedelta(seconds=self._settings.alerts.timeout_seconds)
        # Longer than a whole round lasts if every channel hangs at each attempt, so that nobody sends beside it.
        until = now + timedelta(minutes=10) + 2 * (RETRIES + 1) * timeout
        by_channel: dict[str, list[Notice]] = {}
        for notice in self._book.claim(now, until, AT_A_TIME):
            by_channel.setdefault(notice.channel, []).append(notice)
        if not by_channel:
            return 0
        addresses = self._channels.named
        with ThreadPoolExecutor(min(AT_ONCE, len(by_channel)), thread_name_prefix="notices") as pool:
            rounds = list(pool.map(lambda channel: self._round(by_channel[channel], addresses.get(channel)), by_channel))
        outcomes = [outcome for each in rounds for outcome in each]
        for notice, problem in outcomes:
            self._book.attempted(_after(notice, problem, now))
        return sum(problem is None for _, problem in outcomes)

    def _round(self, notices: Sequence[Notice], address: str | None) -> Sequence[tuple[Notice, str | None]]:
        """Each message with why it was not delivered. After a channel's first failure its others are left for later."""
        outcomes: list[tuple[Notice, str | None]] = []
        failed = "the channel is not in driftgate.toml any more" if address is None else None
        for notice in notices:
            if failed is None and address is not None:
                timeout = self._settings.alerts.timeout_seconds
                (delivery,) = send([address], notice.title, notice.body, timeout=timeout, wait_seconds=self._wait_seconds)
                failed = None if delivery.delivered else delivery.problem or "it was not delivered"
            outcomes.append((notice, failed))
        return outcomes

    def _notices(self, found: Pass, news: Sequence[News]) -> Sequence[Notice]:
        sorted_out: dict[tuple[str, str], list[News]] = {}
        for each in news:
            if each.kind in (Kind.RECOVERED, Kind.CLOSED) and not self._settings.alerts.recovery:
                continue
            route = self._channels.route(found.model, each.finding.monitor)
            for channel in self._channels.names(route.channels) if route.channels else ():
                sorted_out.setdefault((channel, route.mode), []).append(each)
        return [self._notice(found, channel, mode, told) for (channel, mode), told in sorted_out.items()]

    def _better(self, found: Pass) -> Sequence[Notice]:
        """A message for each duel that the challenger has surely won: no alarm, and told once however many passes find it."""
        made = []
        route = self._channels.route(found.model, Monitor.CHALLENGER)
        won = [each for each in found.findings if each.monitor is Monitor.CHALLENGER and each.verdict is Verdict.PASS]
        for channel in self._channels.names(route.channels) if route.channels and won else ():
            for finding in won:
                title, body = wording.better(found, finding)
                name = notice_id("better", found.model, str(found.version), finding.name, channel)
                made.append(Notice(name, found.model, found.id, channel, title, body, found.at, found.at, sending_of(route.mode)))
        return made

    def _notice(self, found: Pass, channel: str, mode: str, news: Sequence[News]) -> Notice:
        title, body = wording.message(found, news, self._settings.service.url)
        sending = sending_of(mode)
        return Notice(notice_id(found.id, channel, mode), found.model, found.id, channel, title, body, found.at, found.at, sending)

    def _digest(self, channel: str, parts: Sequence[Notice], now: datetime) -> Notice:
        title, body = wording.digest(parts, now)
        return Notice(notice_id("digest", channel, *(part.id for part in parts)), None, None, channel, title, body, now, now)


def notice_id(*parts: str) -> str:
    """The id of the message that tells this: the same for the same parts."""
    return f"notice-{sha256(parts)[:32]}"


def sending_of(mode: str) -> Sending:
    """How a message begins by its rule's mode: it waits to be sent, or for the digest."""
    return Sending.GATHERING if mode == "digest" else Sending.WAITING


def _after(notice: Notice, problem: str | None, now: datetime) -> Notice:
    """The claimed message after its attempt."""
    if problem is None:
        return replace(notice, sending=Sending.SENT, problem=None, ended=now)
    if notice.attempts < MOST_ATTEMPTS:
        pause = min(FIRST_PAUSE * 2 ** min(notice.attempts - 1, 10), LONGEST_PAUSE)
        return replace(notice, due=now + pause, problem=problem)
    logger.error("a message to %s is given up after %d attempts: %s", notice.channel, notice.attempts, notice.title)
    return replace(notice, sending=Sending.GIVEN_UP, problem=f"given up after {notice.attempts} attempts: {problem}", ended=now)


def late(notice: Notice, now: datetime) -> bool:
    """Whether a waiting message should have arrived: an attempt failed, or nobody made one for ten minutes after it was due."""
    return notice.problem is not None or now - notice.due > OVERDUE


def undelivered(book: MonitoringBook, model: str, now: datetime) -> Sequence[str]:
    """What of the model's messages, and of digests, fails to arrive: a sentence for each channel, with the newest reason."""
    failing = [notice for notice in book.notices(sending=Sending.WAITING, limit=MOST_PARTS) if late(notice, now)]
    lost = [
        notice for notice in book.notices(sending=Sending.GIVEN_UP, limit=MOST_PARTS) if notice.ended and now - notice.ended < SHOWN_FOR
    ]
    return [*_said(failing, model, "could not be sent yet"), *_said(lost, model, "were given up in the last day")]


def _said(notices: Sequence[Notice], model: str, words: str) -> Sequence[str]:
    by_channel: dict[str, list[Notice]] = {}
    for notice in notices:
        if notice.model in (model, None):
            by_channel.setdefault(notice.channel, []).append(notice)
    return [f"messages to {channel} that {words}: {len(some)} ({some[0].problem or UNTRIED})" for channel, some in by_channel.items()]
