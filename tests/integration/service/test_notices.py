"""Messages by Apprise to a real mail server, and to an HTTP stand-in for an SMS service."""

import base64
import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.service.checking import Status, check_folder
from driftgate.service.notices import RETRIES, Delivery, notify, problem, require_channels, send, shown
from driftgate.service.settings import Settings, load
from tests.receivers import Api, Mailbox, a_mail_server, an_api

SID, TOKEN = "AC" + "7a" * 16, "5ecret" * 5 + "ab"
TWILIO = f"twilio://{SID}:{TOKEN}@15551233456/15551230000"
MODEL = "[models.churn]\nsource = {path = 'churn.csv'}\ntarget = 'churned'\n"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apprise leaves seconds between two requests to one service."""
    from apprise import NotifyBase

    monkeypatch.setattr(NotifyBase, "request_rate_per_sec", 0)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with a_mail_server() as found:
        yield found


@pytest.fixture
def sms(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The stand-in, with Apprise's Twilio service pointed at it: its address has no place for a host."""
    from apprise.plugins.twilio import NotifyTwilio

    with an_api() as api:
        monkeypatch.setattr(NotifyTwilio, "notify_sms_url", f"http://127.0.0.1:{api.port}/2010-04-01/Accounts/{{sid}}/Messages.json")
        yield api


def settings(folder: Path, *channels: str) -> Settings:
    names = {f"CHANNEL_{place}": address for place, address in enumerate(channels)}
    listed = ", ".join(f'"env:{name}"' for name in names)
    (folder / "driftgate.toml").write_text(f"{MODEL}\n[alerts]\nchannels = [{listed}]\ntimeout_seconds = 5\n")
    return load(folder, names)


def sent(*channels: str, timeout: float = 5) -> list[Delivery]:
    return list(send(channels, "churn: 7 predictions", "mean prediction: 0.3\nthat is <all>", timeout=timeout, wait_seconds=0.01))


def test_a_mail_holds_the_title_and_the_plain_text(mailbox: Mailbox) -> None:
    (delivery,) = sent(mailbox.address())

    (mail,) = mailbox.mails
    assert delivery == Delivery(f"mailto://127.0.0.1:{mailbox.port}/team%40example.com", delivered=True)
    assert (mail["Subject"], mail["To"]) == ("churn: 7 predictions", "team@example.com")
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().splitlines() == ["mean prediction: 0.3", "that is <all>"]


def test_a_title_cannot_add_headers_to_a_mail(mailbox: Mailbox) -> None:
    send([mailbox.address()], "one\r\nBcc: eve@example.com", "body", timeout=5)

    assert mailbox.mails[0]["Subject"] == "one Bcc: eve@example.com"
    assert mailbox.mails[0]["Bcc"] is None


def test_an_sms_goes_to_the_account_and_number_of_the_address(sms: Api) -> None:
    (delivery,) = sent(TWILIO)

    ((path, form, authorization),) = sms.requests
    assert delivery.delivered
    assert path == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert (form["From"], form["To"]) == ("+15551233456", "+15551230000")
    assert "churn: 7 predictions" in form["Body"]
    assert "mean prediction: 0.3" in form["Body"]
    assert authorization == "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()


def test_a_channel_that_fails_is_tried_again(sms: Api) -> None:
    sms.statuses += [500] * RETRIES

    (delivery,) = sent(TWILIO)

    assert delivery.delivered
    assert len(sms.requests) == RETRIES + 1


def test_a_channel_that_goes_on_failing_is_given_up_with_its_reason(sms: Api) -> None:
    sms.statuses += [401] * (RETRIES + 1)

    (delivery,) = sent(TWILIO)

    assert len(sms.requests) == RETRIES + 1
    assert not delivery.delivered
    assert "401" in str(delivery.problem)


def test_one_failing_channel_holds_no_other_back(mailbox: Mailbox, sms: Api) -> None:
    sms.statuses += [500] * (RETRIES + 1)

    deliveries = sent(TWILIO, "nonsense", mailbox.address())

    assert [delivery.delivered for delivery in deliveries] == [False, False, True]
    assert len(mailbox.mails) == 1


def test_a_channel_that_never_answers_is_given_up_in_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()

        (delivery,) = sent(f"json://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)

    assert not delivery.delivered
    assert time.monotonic() - started < 5


SECRETS = {
    TWILIO: (SID, TOKEN),
    "json://bob:hunter2pass@127.0.0.1:1/hook/pathsecret?+X-Token=headersecret": ("hunter2pass", "pathsecret", "headersecret"),
    "mailto://bob:hunter2pass@127.0.0.1:1/?from=a@example.com&to=b@example.com": ("hunter2pass",),
    "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general": ("T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7FQ"),
    "twilio://ACtooshort:hunter2pass@12": ("ACtooshort", "hunter2pass"),
    "hunter2pass": ("hunter2pass",),
}


@pytest.mark.parametrize(("address", "secrets"), SECRETS.items())
def test_no_secret_of_an_address_is_shown_or_logged(
    address: str, secrets: tuple[str, ...], sms: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sms.statuses += [500] * (RETRIES + 1)
    monkeypatch.setattr("apprise.plugins.slack.NotifySlack.webhook_url", "http://127.0.0.1:1")
    caplog.set_level("INFO")

    (delivery,) = sent(address, timeout=0.5)

    logged = [record.getMessage() for record in caplog.records if record.name != "apprise"]
    told = f"{delivery} {shown(address)} {problem(address)} {logged}"
    assert not delivery.delivered
    assert not logging.getLogger("apprise").propagate
    assert [secret for secret in secrets if secret in told] == []


def test_settings_without_channels_notify_nobody(tmp_path: Path) -> None:
    found = settings(tmp_path)

    assert notify(found, "title", "body") == ()
    with pytest.raises(InvalidConfiguration, match=r"alerts\.channels is empty"):
        require_channels(found)


def test_the_configured_channels_are_notified_and_nothing_is_kept_on_disk(
    mailbox: Mailbox, sms: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    found = settings(tmp_path, mailbox.address(), TWILIO)

    deliveries = notify(found, "title", "body", wait_seconds=0.01)

    assert [delivery.delivered for delivery in deliveries] == [True, True]
    assert (len(mailbox.mails), len(sms.requests)) == (1, 1)
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize("address", ["nonsense", "nowhere://a/b", "mailto://", "twilio://ACtooshort:hunter2pass@12"])
def test_an_address_that_apprise_cannot_read_is_a_configuration_error(address: str, tmp_path: Path) -> None:
    found = settings(tmp_path, address)

    with pytest.raises(InvalidConfiguration) as raised:
        require_channels(found)

    assert raised.value.field == "alerts.channels"
    assert "hunter2pass" not in raised.value.message


def test_check_reads_every_channel_and_sends_nothing(mailbox: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "CHANNEL_0", mailbox.address("bob:hunter2pass@"))
    monkeypatch.setitem(os.environ, "CHANNEL_1", "twilio://ACtooshort:hunter2pass@12")
    settings(tmp_path, mailbox.address("bob:hunter2pass@"), "twilio://ACtooshort:hunter2pass@12")

    items = {item.key: item for item in check_folder(tmp_path)}

    assert items["alerts.channels[1]"].status is Status.OK
    assert items["alerts.channels[2]"].status is Status.ERROR
    assert "hunter2pass" not in f"{items['alerts.channels[1]']} {items['alerts.channels[2]']}"
    assert mailbox.mails == []
