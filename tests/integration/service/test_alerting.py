"""Alarms told over a real database to a real mail server and an HTTP receiver that fails and comes back."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from driftgate.lifecycle.findings import Assumption, Finding, Monitor, Pass, Reading
from driftgate.lifecycle.messages import Notice, Sending
from driftgate.lifecycle.verdicts import Estimate, Verdict
from driftgate.service.monitoring.alerting import MOST_ATTEMPTS, Alerting, undelivered
from driftgate.service.monitoring.book import SqlMonitoringBook
from driftgate.service.settings import load
from tests.builders import NOON, a_finding, a_pass
from tests.databases import KINDS, Migrated
from tests.receivers import Api, Mailbox, a_mail_server, an_api

HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
MODELS = "[models.churn]\nsource = {path = 'churn.csv'}\ntarget = 'churned'\n[models.other]\nsource = {path = 'o.csv'}\ntarget = 'y'\n"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise import NotifyBase

    monkeypatch.setattr(NotifyBase, "request_rate_per_sec", 0)
    monkeypatch.setattr("driftgate.service.notices.RETRIES", 0)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with a_mail_server() as found:
        yield found


@pytest.fixture
def chat() -> Iterator[Api]:
    with an_api() as found:
        yield found


@pytest.fixture(params=KINDS)
def engines(request: pytest.FixtureRequest, migrated_database: Migrated, tmp_path: Path) -> Engine:
    return migrated_database(request.param, tmp_path)


@pytest.fixture
def book(migrated_database: Migrated, tmp_path: Path) -> SqlMonitoringBook:
    return SqlMonitoringBook(migrated_database("sqlite", tmp_path))


def hook(api: Api, path: str = "secret-path") -> str:
    return f"json://127.0.0.1:{api.port}/{path}"


def alerting(folder: Path, book: SqlMonitoringBook, alerts: str, more: str = "") -> Alerting:
    (folder / "driftgate.toml").write_text(f"{MODELS}{more}\n[alerts]\ntimeout_seconds = 2\n{alerts}\n")
    return Alerting(load(folder, {}), book, wait_seconds=0.01)


def a_day(number: int, *findings: Finding, **changes: object) -> Pass:
    return replace(a_pass(f"pass-{number}", *findings, at=NOON + number * DAY, report=f"report-{number}"), **changes)


def passing(name: str = "score", **changes: object) -> Finding:
    return a_finding(name, Verdict.PASS, value=0.02, **changes)


def sent(api: Api) -> list[str]:
    return [content["title"] for _, content, _ in api.requests]


def shown(notices: Sequence[Notice]) -> list[tuple[str, str]]:
    return [(notice.channel, notice.sending.value) for notice in notices]


def test_a_pass_that_alarms_is_one_mail_with_everything_about_its_alarms(mailbox, book, tmp_path):
    told = alerting(tmp_path, book, f"channels = ['{mailbox.address()}']", "[service]\nurl = 'https://driftgate.example.com'")
    readings = (
        Reading(Assumption.CORRUPT, Estimate(0.12, 0.08, 0.19), "read at score x1.10"),
        Reading(Assumption.MOVED, None, "an effective sample size of 12 is too low"),
    )
    accuracy = a_finding("accuracy", monitor=Monitor.PERFORMANCE, value=0.71, limit=0.8, lower=0.66, upper=0.76, p_value=None)

    told.take_in(a_day(0, a_finding("age", readings=readings), accuracy, passing("plan"), problems=("plan: not read",)))
    count = told.deliver_pending(NOON)

    (mail,) = mailbox.mails
    text = mail.get_content()
    assert count == 1
    assert mail["Subject"] == "churn version 1: 2 alarms: data_drift/age, performance/accuracy"
    for words in (
        "churn version 1, payloads of 2026-02-22 12:00 to 2026-03-01 12:00 UTC (500)",
        (
            "- data_drift/age: 0.4, limit 0.1, 500 rows against 1,000, p = 0.001, "
            "designed for a false alarm of data_drift in at most 0.2% of passes"
        ),
        "it is larger than in the snapshot",
        "expect, if the values are corrupt: loss +12.0% (+8.0% to +19.0%); read at score x1.10",
        "expect, if the population moved: not known: an effective sample size of 12 is too low",
        "- performance/accuracy: 0.71 (0.66 to 0.76), limit 0.8",
        "Report: https://driftgate.example.com/v1/models/churn/reports/report-0",
        "Not looked at: plan: not read",
        "- data_drift: if a feed broke",
        "- performance: roll back",
    ):
        assert words in text.replace("\r\n", "\n")
    assert "data_drift/plan" not in text


def test_without_an_address_of_the_service_the_report_is_named_by_its_route(chat, book, tmp_path):
    told = alerting(tmp_path, book, f"channels = ['{hook(chat)}']")

    told.take_in(a_day(0, a_finding()))
    told.deliver_pending(NOON)

    ((_, content, _),) = chat.requests
    assert "Report: /v1/models/churn/reports/report-0" in content["message"]


def test_an_alarm_is_told_once_then_after_the_cooldown_then_when_it_passed(chat, engines, tmp_path):
    told = alerting(tmp_path, SqlMonitoringBook(engines), f"channels = ['{hook(chat)}']\ncooldown_hours = 48")

    for day in range(5):
        told.take_in(a_day(day, a_finding()))
        told.deliver_pending(NOON + day * DAY)
    told.take_in(a_day(5, passing()))
    told.deliver_pending(NOON + 5 * DAY)
    told.take_in(a_day(6, passing()))
    told.deliver_pending(NOON + 6 * DAY)

    assert sent(chat) == ["churn version 1: 1 alarm: data_drift/score"] * 3 + ["churn version 1: 1 alarm over: data_drift/score"]
    assert "on since 2026-03-01 12:00 UTC (5 d)" in chat.requests[-1][1]["message"]


def test_a_pass_taken_in_twice_tells_once(chat, engines, tmp_path):
    told = alerting(tmp_path, SqlMonitoringBook(engines), f"channels = ['{hook(chat)}']\ncooldown_hours = 0")
    found = a_day(0, a_finding())

    for _ in range(3):
        told.take_in(found)
        told.deliver_pending(NOON)

    assert len(chat.requests) == 1


def test_another_version_closes_what_the_old_one_raised(chat, book, tmp_path):
    told = alerting(tmp_path, book, f"channels = ['{hook(chat)}']")

    told.take_in(a_day(0, a_finding(), version=2))
    told.take_in(a_day(1, passing(), version=3))
    told.deliver_pending(NOON + DAY)

    assert sent(chat) == ["churn version 2: 1 alarm: data_drift/score", "churn version 3: 1 alarm over: data_drift/score"]
    assert "closed, because version 3 took over; it was on since 2026-03-01 12:00 UTC" in chat.requests[1][1]["message"]


def test_a_challenger_that_is_surely_better_is_told_once_and_is_no_alarm(chat, book, tmp_path):
    told = alerting(tmp_path, book, f"channels = ['{hook(chat)}']")
    won = a_finding("2/arms/outcome", Verdict.PASS, Monitor.CHALLENGER, reasons=("the challenger is surely better than the champion",))

    for day in range(3):
        told.take_in(a_day(day, won))
        told.deliver_pending(NOON + day * DAY)

    assert sent(chat) == ["churn version 1: challenger 2 is surely better"]
    assert "driftgate promote 2" in chat.requests[0][1]["message"]
    assert book.alarms("churn").firing == ()


def test_recoveries_are_left_out_where_nobody_wants_them(chat, book, tmp_path):
    told = alerting(tmp_path, book, f"channels = ['{hook(chat)}']\nrecovery = false")

    told.take_in(a_day(0, a_finding()))
    told.take_in(a_day(1, passing()))
    told.deliver_pending(NOON + DAY)

    assert len(chat.requests) == 1
    assert book.alarms("churn").firing == ()


def test_without_channels_the_state_is_kept_and_nobody_is_told(book, tmp_path):
    told = alerting(tmp_path, book, "")

    assert told.take_in(a_day(0, a_finding())) == []
    assert (len(book.alarms("churn").firing), told.deliver_pending(NOON)) == (1, 0)


RULES = """
channels = ['{everyone}']
[[alerts.rules]]
monitors = ["data_drift"]
models = ["other"]
mode = "off"
[[alerts.rules]]
monitors = ["data_drift", "inputs"]
mode = "digest"
[[alerts.rules]]
monitors = ["performance"]
channels = ['{pager}']
cooldown_hours = 1
"""


def test_the_first_rule_that_fits_says_where_how_and_how_often(mailbox, chat, book, tmp_path):
    told = alerting(tmp_path, book, RULES.format(everyone=mailbox.address(), pager=hook(chat)))
    loss = a_finding("loss", monitor=Monitor.PERFORMANCE)
    impact = a_finding("churn", monitor=Monitor.IMPACT)

    made = told.take_in(a_day(0, a_finding("age"), loss, impact))
    again = told.take_in(a_day(0, a_finding("age"), loss, impact, at=NOON + 2 * HOUR, id="later"))
    silent = told.take_in(a_day(0, a_finding("age"), model="other"))

    mail, pager = (
        notice.channel for notice in sorted(made, key=lambda each: each.channel, reverse=True) if notice.sending is Sending.WAITING
    )
    assert (mail.split(":")[0], pager.split(":")[0]) == ("mailto", "json")
    assert sorted(shown(made)) == sorted([(mail, "gathering"), (mail, "waiting"), (pager, "waiting")])
    assert shown(again) == [(pager, "waiting")]
    assert silent == []
    assert [state.subject for state in book.alarms("other").firing] == ["data_drift/age"]


def test_what_everybody_must_hear_also_reaches_channels_that_only_rules_name_each_once(mailbox, chat, book, tmp_path):
    told = alerting(tmp_path, book, RULES.format(everyone=mailbox.address(), pager=hook(chat)))

    for _ in range(2):
        told.tell("broken p1", "churn", "promoted without gates", "it answers nonsense")
    waiting = book.notices(sending=Sending.WAITING)

    assert len(waiting) == len({notice.channel for notice in waiting}) == 2
    assert "secret-path" not in "".join(notice.channel for notice in waiting)


def test_what_everybody_must_hear_is_told_where_only_a_rule_names_a_channel(chat, book, tmp_path):
    told = alerting(tmp_path, book, f"[[alerts.rules]]\nmonitors = ['performance']\nchannels = ['{hook(chat)}']")

    told.tell("broken p1", "churn", "promoted without gates", "it answers nonsense")

    assert len(book.notices(sending=Sending.WAITING)) == 1


def test_a_digest_gathers_what_was_put_aside_once_for_each_channel(mailbox, chat, engines, tmp_path):
    book = SqlMonitoringBook(engines)
    rules = f"channels = ['{mailbox.address()}', '{hook(chat)}']\n[[alerts.rules]]\nmode = 'digest'"
    told = alerting(tmp_path, book, rules)
    told.take_in(a_day(0, a_finding("age")))
    told.take_in(a_day(0, a_finding("zip"), id="o", model="other"))
    told.take_in(a_day(1, passing("age")))

    before = told.deliver_pending(NOON + DAY)
    first, second = told.send_digest(NOON + 2 * HOUR), told.send_digest(NOON + 3 * HOUR)
    delivered = told.deliver_pending(NOON + 3 * HOUR)

    assert (before, len(first), len(second), delivered) == (0, 2, 0, 2)
    (mail,) = mailbox.mails
    text = mail.get_content()
    assert mail["Subject"] == "Driftgate, digest of 2026-03-01 14:00 UTC: 2 messages (churn, other)"
    assert text.index("== churn version 1: 1 alarm: data_drift/age") < text.index("== other version 1: 1 alarm: data_drift/zip")
    assert len(told.send_digest(NOON + 2 * DAY)) == 2


def test_a_channel_that_is_down_is_tried_again_with_growing_pauses_and_then_gets_its_messages(mailbox, chat, engines, tmp_path):
    book = SqlMonitoringBook(engines)
    told = alerting(tmp_path, book, f"channels = ['{hook(chat)}', '{mailbox.address()}']")
    chat.statuses += [500] * 3
    told.take_in(a_day(0, a_finding()))

    counts, minutes = [], [0, 0.5, 1, 2.9, 3, 6.9, 7]
    for minute in minutes:
        counts.append(told.deliver_pending(NOON + minute * MINUTE))
        if minute == 1:
            (failed,) = book.notices(sending=Sending.WAITING)
            (said,) = undelivered(book, "churn", NOON)
            others = undelivered(book, "other", NOON)

    assert counts == [1, 0, 0, 0, 0, 0, 1]
    assert (len(mailbox.mails), len(chat.requests), len(sent(chat))) == (1, 4, 4)
    assert (failed.attempts, failed.due) == (2, NOON + 3 * MINUTE)
    assert (said.startswith(f"messages to {failed.channel} that could not be sent yet: 1 ("), "500" in said, others) == (True, True, [])
    assert undelivered(book, "churn", NOON) == []
    assert [(notice.sending, notice.problem) for notice in book.notices()] == [(Sending.SENT, None)] * 2


def test_a_message_that_nobody_tries_to_send_is_said_after_ten_minutes(chat, book, tmp_path):
    alerting(tmp_path, book, f"channels = ['{hook(chat)}']").take_in(a_day(0, a_finding()))

    assert undelivered(book, "churn", NOON + 9 * MINUTE) == []
    (said,) = undelivered(book, "churn", NOON + 11 * MINUTE)
    assert "a worker, or the next driftgate monitor, sends them" in said


def test_one_channel_that_is_down_holds_no_other_back_and_is_tried_once_a_round(mailbox, chat, book, tmp_path):
    told = alerting(tmp_path, book, f"channels = ['{hook(chat)}', '{mailbox.address()}']")
    chat.statuses += [500] * 9
    for day in range(3):
        told.take_in(a_day(day, a_finding(f"c{day}")))

    count = told.deliver_pending(NOON + 3 * DAY)

    assert (count, len(mailbox.mails), len(chat.requests)) == (3, 3, 1)
    assert {notice.attempts for notice in book.notices(sending=Sending.WAITING)} == {1}


def test_a_channel_that_stays_down_is_given_up_after_a_day_and_that_is_said(chat, book, tmp_path, caplog):
    told = alerting(tmp_path, book, f"channels = ['{hook(chat)}']")
    chat.statuses += [503] * 100
    told.take_in(a_day(0, a_finding()))

    now = NOON
    while book.notices(sending=Sending.WAITING):
        (notice,) = book.notices()
        now = max(now, notice.due)
        told.deliver_pending(now)

    (notice,) = book.notices()
    assert (notice.sending, notice.attempts, notice.ended) == (Sending.GIVEN_UP, MOST_ATTEMPTS, now)
    assert 22 * HOUR < now - NOON < 26 * HOUR
    assert "were given up in the last day: 1" in undelivered(book, "churn", now)[0]
    assert undelivered(book, "churn", now + 2 * DAY) == []
    assert str(notice.problem).startswith(f"given up after {MOST_ATTEMPTS} attempts: ")
    assert any("is given up after" in record.getMessage() for record in caplog.records)
    assert told.deliver_pending(now + DAY) == 0
    assert len(chat.requests) == MOST_ATTEMPTS


def test_a_process_that_dies_while_it_sends_leaves_the_message_to_the_next_one(chat, book, tmp_path):
    told = alerting(tmp_path, book, f"channels = ['{hook(chat)}']")
    told.take_in(a_day(0, a_finding()))
    book.claim(NOON, NOON + 10 * MINUTE)

    counts = [told.deliver_pending(at) for at in (NOON + MINUTE, NOON + 10 * MINUTE)]

    assert counts == [0, 1]
    assert len(chat.requests) == 1


def test_a_message_for_a_channel_that_was_taken_out_is_given_up_like_any_other(chat, book, tmp_path):
    alerting(tmp_path, book, f"channels = ['{hook(chat)}']").take_in(a_day(0, a_finding()))
    without = alerting(tmp_path, book, "")

    assert without.deliver_pending(NOON) == 0

    (notice,) = book.notices()
    assert notice.problem == "the channel is not in driftgate.toml any more"


def test_no_secret_is_kept_in_the_book_and_channels_that_look_alike_stay_apart(chat, book, tmp_path):
    one, two = hook(chat, "secret-one"), hook(chat, "secret-two")
    told = alerting(tmp_path, book, f"channels = ['{one}', '{two}']")

    told.take_in(a_day(0, a_finding()))
    told.deliver_pending(NOON)

    assert sorted(path for path, _, _ in chat.requests) == ["/secret-one", "/secret-two"]
    assert len({notice.channel for notice in book.notices()}) == 2
    assert "secret" not in repr(book.notices())


def test_many_alarms_are_named_and_only_the_first_described(chat, book, tmp_path):
    told = alerting(tmp_path, book, f"channels = ['{hook(chat)}']")

    told.take_in(a_day(0, *(a_finding(f"c{number:03}") for number in range(300))))
    told.deliver_pending(NOON)

    ((_, content, _),) = chat.requests
    assert content["title"].startswith("churn version 1: 300 alarms: data_drift/c000, ")
    assert len(content["title"]) <= 160
    assert "and 280 more: data_drift/c020, " in content["message"]
    assert content["message"].count("limit 0.1") == 20


def test_a_name_that_no_text_can_hold_is_told_all_the_same(chat, engines, tmp_path):
    told = alerting(tmp_path, SqlMonitoringBook(engines), f"channels = ['{hook(chat)}']")

    told.take_in(a_day(0, a_finding("bad\0\ud800\r\nBcc: eve")))

    assert told.deliver_pending(NOON) == 1
