"""Sinks that go down, hang, or take what they are given and never say so."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from driftgate.lifecycle.errors import StoreUnavailable
from tests.builders import NOON, a_payload
from tests.integration.payloads.shipping import Rig, by_manifests, in_parts, in_sql, rig

pytestmark = pytest.mark.slow

OUTAGE_SECONDS = 30.0 if os.environ.get("DRIFTGATE_SOAK") == "1" else 3.0
COMMIT, DONE = b"COMMIT\0", b"COMMIT\0"
PUT, STORED = b"PUT /", b" 200 "


@pytest.fixture
def at(tmp_path, monkeypatch) -> Iterator[Rig]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with rig(tmp_path) as made:
        yield made


def append_until(at, deadline, names):
    slowest = 0.0
    while time.monotonic() < deadline:
        batch = [f"p{len(names) + number:06d}" for number in range(3)]
        began = time.monotonic()
        at.log.append([a_payload(name, event_time=NOON.replace(hour=len(names) % 5), arrival_time=datetime.now(UTC)) for name in batch])
        slowest = max(slowest, time.monotonic() - began)
        names += batch
        time.sleep(0.01)
    return slowest


@pytest.mark.parametrize("how", ["refuse", "hang"])
@pytest.mark.parametrize("down", [("sql",), ("objects",), ("sql", "objects")], ids="+".join)
def test_an_outage_stops_no_append_and_afterwards_all_is_in_both_sinks_once(at, down, how):
    names: list[str] = []
    with at.shipping():
        append_until(at, time.monotonic() + 0.5, names)
        for sink in down:
            getattr(at.proxies[sink], how)()
        before = len(names)
        slowest = append_until(at, time.monotonic() + OUTAGE_SECONDS, names)
        waiting = {sink: at.log.lag(sink) for sink in at.log.sinks}
        for sink in down:
            at.proxies[sink].forward()
        append_until(at, time.monotonic() + 0.5, names)

    assert len(names) > before > 0
    assert slowest < OUTAGE_SECONDS
    for sink, lag in waiting.items():
        assert (lag.seconds > OUTAGE_SECONDS / 2) == (sink in down)
    assert at.log.backlog() == 0
    assert in_sql(at.engine) == in_parts(at.store) == by_manifests(at.store) == names


@pytest.mark.parametrize("answers", [1, 3])
def test_a_database_that_commits_and_never_says_so_gets_no_duplicates(at, answers):
    names = [f"p{number}" for number in range(7)]
    at.log.append([a_payload(name) for name in names])
    at.database.cut_answers(COMMIT, DONE, answers)

    for _ in range(answers):
        with pytest.raises(StoreUnavailable, match="sql"):
            at.log.ship()
        assert in_sql(at.engine) == names
        assert at.log.lag("sql").payloads == 7
    at.log.ship()

    assert at.database.cuts == answers
    assert in_sql(at.engine) == in_parts(at.store) == names
    assert at.log.backlog() == 0


def test_a_store_that_takes_an_object_and_never_says_so_gets_no_duplicates(at):
    first, then = [f"a{number}" for number in range(5)], [f"b{number}" for number in range(5)]
    at.log.append([a_payload(name) for name in first])
    # More than the client's own attempts.
    at.s3.cut_answers(PUT, STORED, 5)

    with pytest.raises(StoreUnavailable, match="objects"):
        at.log.ship()
    stored = list(at.store.listed())
    at.log.append([a_payload(name) for name in then])
    while at.log.backlog():
        try:
            at.log.ship()
        except StoreUnavailable:
            assert at.s3.cuts <= 5

    assert at.s3.cuts == 5
    assert len(stored) == 1
    assert set(stored) < set(at.store.listed())
    assert in_sql(at.engine) == in_parts(at.store) == by_manifests(at.store) == first + then


def test_both_sinks_cut_at_random_moments_have_everything_once(at):
    names: list[str] = []
    with at.shipping():
        for _ in range(8):
            append_until(at, time.monotonic() + 0.15, names)
            for proxy in at.proxies.values():
                proxy.cut()

    assert in_sql(at.engine) == in_parts(at.store) == by_manifests(at.store) == names
