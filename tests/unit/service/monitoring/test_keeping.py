from datetime import timedelta
from pathlib import Path

import pytest

from driftgate.lifecycle.errors import StoreUnavailable
from driftgate.service.monitoring.keeping import Keeping
from driftgate.service.settings import Settings, load
from tests.builders import MODEL, NOON, a_finding, a_pass
from tests.fakes import FakeMonitoringBook

DAY = timedelta(days=1)
SETTINGS = """
[models.churn]
target = "churned"
source = {path = "churn.csv"}

[models.churn.monitoring]
keep_days = 10

[models.other]
target = "churned"
source = {path = "churn.csv"}
"""


class Asked(FakeMonitoringBook):
    """Counts how often it is asked, and does not answer while it is `down`."""

    def __init__(self) -> None:
        super().__init__()
        self.times, self.down = 0, False

    def prune(self, before: object, model: object = None) -> int:
        if self.down:
            raise StoreUnavailable("the database is down")
        self.times += 1
        return super().prune(before, model)  # type: ignore[arg-type]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "driftgate.toml").write_text(SETTINGS, encoding="utf-8")
    return load(tmp_path, {})


@pytest.fixture
def book() -> Asked:
    found = Asked()
    for model in (MODEL, "other"):
        for age in (800, 11, 9):
            found.keep(a_pass(f"{model} {age}", a_finding(), model=model, at=NOON - age * DAY))
    return found


def left(book: Asked, model: str) -> list[str]:
    return [found.pass_id for found in book.findings(model)]


def test_each_model_keeps_its_findings_for_its_own_days(settings: Settings, book: Asked) -> None:
    assert Keeping(settings, book).forget(NOON) == 3

    assert left(book, MODEL) == ["churn 9"]
    assert left(book, "other") == ["other 11", "other 9"]
    assert book.find("churn 800") is not None


def test_it_looks_once_an_hour(settings: Settings, book: Asked) -> None:
    keeping = Keeping(settings, book)

    for minutes in (0, 5, 59, 60, 61, 125):
        keeping.forget(NOON + timedelta(minutes=minutes))

    assert book.times == 3 * len(settings.models)


def test_a_book_that_did_not_answer_is_asked_again_at_once(settings: Settings, book: Asked) -> None:
    keeping, book.down = Keeping(settings, book), True
    with pytest.raises(StoreUnavailable):
        keeping.forget(NOON)
    book.down = False

    assert keeping.forget(NOON) == 3
