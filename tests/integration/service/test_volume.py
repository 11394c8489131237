"""The volume report over real databases, and its command with a real mail server."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from filelock import FileLock
from sqlalchemy import Engine

from driftgate.lifecycle.errors import Busy, InvalidConfiguration
from driftgate.lifecycle.payloads import Arm, Output, Payload, Window
from driftgate.payloads.rows import clean, encoded
from driftgate.payloads.sql_log import SqlLog
from driftgate.service import volume
from driftgate.service.cli.main import cli
from driftgate.service.database import connect, upgrade
from driftgate.service.settings import Settings, load
from driftgate.service.volume import Wish, report
from tests.builders import MODEL, NOON, a_payload
from tests.databases import KINDS, scratch_engine
from tests.receivers import Mailbox, a_mail_server

HOUR = Window(NOON, NOON + timedelta(hours=1))
TOML = "[models.churn]\nsource = {path = 'churn.csv'}\ntarget = 'churned'\n[alerts]\nchannels = [%s]\ntimeout_seconds = 5\n"


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
def engine(tmp_path: Path) -> Iterator[Engine]:
    found = connect(f"sqlite:///{tmp_path / '.driftgate' / 'driftgate.db'}")
    upgrade(found)
    yield found
    found.dispose()


def project(folder: Path, *channels: str) -> Settings:
    (folder / "driftgate.toml").write_text(TOML % ", ".join(f"'{channel}'" for channel in channels))
    return load(folder)


def store(engine: Engine, *payloads: Payload) -> None:
    SqlLog(engine).insert([encoded(clean(payload)) for payload in payloads], "outbox", len(payloads))


def some(count: int, **changes: Any) -> list[Payload]:
    return [a_payload(f"{number}", **changes) for number in range(count)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_window_is_half_open_and_shadow_payloads_are_not_counted(kind: str, tmp_path: Path) -> None:
    with scratch_engine(kind, tmp_path) as engine:
        upgrade(engine)
        store(
            engine,
            a_payload("start", event_time=HOUR.start, output=Output("yes", (0.2, 0.8))),
            a_payload("last", event_time=HOUR.end - timedelta(microseconds=1), output=Output("no", (0.8, 0.2)), version=2),
            a_payload("rule", event_time=NOON, arm=Arm.HEURISTIC, version=None, output=Output("no")),
            a_payload("end", event_time=HOUR.end),
            a_payload("before", event_time=HOUR.start - timedelta(microseconds=1)),
            a_payload("unseen", event_time=NOON, arm=Arm.CHALLENGER, version=3, shadow_of="start"),
            a_payload("other", event_time=NOON, model="other"),
        )

        document = report(Wish(MODEL, HOUR, dry=True), project(tmp_path), engine)

    assert (document["count"], document["mean_prediction"]) == (3, pytest.approx(0.5))
    assert [(part["arm"], part["version"], part["count"]) for part in document["arms"]] == [
        ("champion", 1, 1),
        ("champion", 2, 1),
        ("heuristic", None, 1),
    ]
    assert document["labels"] == {"no": 2, "yes": 1}
    assert (document["start"], document["end"]) == ("2026-03-01T12:00:00+00:00", "2026-03-01T13:00:00+00:00")


@pytest.mark.parametrize(("count", "sent"), [(4, False), (5, True), (6, True)])
def test_a_count_equal_to_the_least_is_sent(count: int, sent: bool, mailbox: Mailbox, engine: Engine, tmp_path: Path) -> None:
    store(engine, *some(count))

    document = report(Wish(MODEL, HOUR, least=5), project(tmp_path, mailbox.address()), engine)

    assert (document["sent"], len(mailbox.mails)) == (sent, int(sent))


def test_the_mail_says_how_many_and_what_on_average(mailbox: Mailbox, engine: Engine, tmp_path: Path) -> None:
    store(engine, *some(6, output=Output("yes", (0.25, 0.75))))

    report(Wish(MODEL, HOUR, least=5), project(tmp_path, mailbox.address()), engine)

    assert mailbox.mails[0]["Subject"] == "churn: 6 predictions"
    text = mailbox.mails[0].get_content()
    assert "mean prediction: 0.75" in text
    assert "champion (version 1): 6" in text
    assert "2026-03-01T12:00:00+00:00 to 2026-03-01T13:00:00+00:00" in text


def test_a_report_that_nobody_would_get_is_refused_before_it_is_needed(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match=r"alerts\.channels"):
        report(Wish(MODEL, HOUR, least=5), project(tmp_path), engine)


def test_a_digest_goes_to_each_channel_once_a_day_whatever_its_count(mailbox: Mailbox, engine: Engine, tmp_path: Path) -> None:
    settings = project(tmp_path, mailbox.address(to="a@example.com"), mailbox.address(to="b@example.com"))
    wish = Wish(MODEL, HOUR, daily=True)

    first, again = report(wish, settings, engine), report(wish, settings, engine)
    report(Wish(MODEL, Window(HOUR.end, HOUR.end + timedelta(hours=1)), daily=True), settings, engine)

    assert (first["sent"], len(first["channels"])) == (True, 2)
    assert (again["sent"], again["channels"], again["sent_before"]) == (False, [], 2)
    assert sorted(mail["To"] for mail in mailbox.mails) == ["a@example.com"] * 2 + ["b@example.com"] * 2


def test_a_digest_is_repeated_for_the_channel_that_failed_only(mailbox: Mailbox, engine: Engine, tmp_path: Path) -> None:
    settings = project(tmp_path, mailbox.address(), "json://127.0.0.1:1/hook")
    wish = Wish(MODEL, HOUR, daily=True)

    report(wish, settings, engine)
    again = report(wish, settings, engine)

    assert [(each["channel"], each["delivered"]) for each in again["channels"]] == [("json://127.0.0.1:1/...", False)]
    assert len(mailbox.mails) == 1


def test_two_digests_at_once_do_not_both_send(mailbox: Mailbox, engine: Engine, tmp_path: Path) -> None:
    settings = project(tmp_path, mailbox.address())
    (settings.state / "digests").mkdir()

    with FileLock(settings.state / "digests" / "churn.json.lock"), pytest.raises(Busy):
        report(Wish(MODEL, HOUR, daily=True), settings, engine)

    assert mailbox.mails == []


def test_yesterday_is_the_last_whole_day() -> None:
    assert volume.yesterday(datetime(2026, 3, 1, 0, 0, tzinfo=UTC)) == volume.yesterday(datetime(2026, 3, 1, 23, 59, tzinfo=UTC))
    assert volume.yesterday(NOON) == Window(datetime(2026, 2, 28, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))


# The command


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--project", str(folder), "report-volume", *arguments], standalone_mode=False)


def test_the_command_sends_and_tells(mailbox: Mailbox, engine: Engine, tmp_path: Path) -> None:
    project(tmp_path, mailbox.address())
    now = datetime.now(UTC)
    store(engine, *some(5, event_time=now - timedelta(minutes=10)), a_payload("old", event_time=now - timedelta(minutes=40)))

    result = run(tmp_path, "--json")

    document = json.loads(result.output)
    assert result.return_value == 0
    assert (document["model"], document["count"], document["sent"], len(document["channels"])) == (MODEL, 5, True, 1)
    assert len(mailbox.mails) == 1


def test_the_command_below_the_threshold_or_on_trial_sends_nothing(mailbox: Mailbox, engine: Engine, tmp_path: Path) -> None:
    project(tmp_path, mailbox.address())
    store(engine, *some(5, event_time=datetime.now(UTC) - timedelta(minutes=10)))

    below, trial = run(tmp_path, "--min-count", "6"), run(tmp_path, "--dry-run")

    assert (below.return_value, trial.return_value) == (0, 0)
    assert "fewer than 6" in below.output
    assert "dry run" in trial.output
    assert mailbox.mails == []


def test_the_command_fails_where_a_channel_does(engine: Engine, tmp_path: Path) -> None:
    project(tmp_path, "json://127.0.0.1:1/hook")
    store(engine, *some(5, event_time=datetime.now(UTC) - timedelta(minutes=10)))

    result = run(tmp_path)

    assert result.return_value == 1
    assert "NOT sent to json://127.0.0.1:1/..." in result.output


@pytest.mark.usefixtures("engine")
def test_the_daily_digest_of_the_command_is_sent_once(mailbox: Mailbox, tmp_path: Path) -> None:
    project(tmp_path, mailbox.address())

    first, second = run(tmp_path, "--digest", "--json"), run(tmp_path, "--digest")

    assert json.loads(first.output)["sent"] is True
    assert "had this day's digest before" in second.output
    assert len(mailbox.mails) == 1


def test_a_digest_has_no_window_of_its_own(tmp_path: Path) -> None:
    assert "without --lookback" in str(run(tmp_path, "--digest", "--lookback", "7d").exception)
