"""What the worker's upkeep does beside taking over: the book of monitoring does not grow for ever."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from driftgate.service.bootstrap import Running, wire
from driftgate.service.durable.worker import Worker
from driftgate.service.settings import load
from tests.builders import MODEL, NOON, a_finding, a_pass

pytestmark = pytest.mark.slow

SETTINGS = f"""
[models.{MODEL}]
target = "churned"
source = {{path = "churn.csv"}}

[models.{MODEL}.monitoring]
keep_days = 30
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "driftgate.toml").write_text(SETTINGS, encoding="utf-8")
    parts = wire(load(tmp_path, {}), lambda _: None)
    yield parts
    parts.close()


def test_upkeep_forgets_old_findings_once_an_hour_and_keeps_their_passes(running: Running) -> None:
    book, at = running.app.book, [NOON]
    worker = Worker(running.app, running.roster, running.jobs, running.app.settings.storage.workflows, lambda: at[0])
    for age in (31, 29):
        book.keep(a_pass(f"{age} days old", a_finding(), at=NOON - timedelta(days=age)))

    worker.upkeep()
    first = [found.pass_id for found in book.findings(MODEL)]
    at[0] += timedelta(days=3)
    worker.upkeep()
    later = book.findings(MODEL)

    assert first == ["29 days old"]
    assert later == []
    assert {found.id for found in book.passes(MODEL)} == {"31 days old", "29 days old"}
