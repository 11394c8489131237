"""When a card is made, and when nothing is; over fakes of the ledger, the registry and the shelf."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import DigestMismatch, RegistryUnavailable, ReportNotFound, VersionNotFound
from driftgate.lifecycle.ledger import Kind
from driftgate.service.card_facts import FactGatherer
from driftgate.service.carding import MARKDOWN, PAGE, Carding, digests
from driftgate.service.settings import load
from tests.builders import MODEL, a_report, a_schema, a_version, an_event
from tests.fakes import FakeCardShelf, FakeLedger

SETTINGS = """
[models.churn]
source.path = "churn.csv"
target = "churned"
[models.churn.card]
owner = "the churn team"
"""
ROWS = pd.DataFrame({"score": np.linspace(0, 1, 40), "plan": ["pro", "basic"] * 20, "churned": ["no", "yes"] * 20})


class Scored:
    schema = a_schema()

    def score(self, frame: pd.DataFrame) -> np.ndarray:
        certain = frame["score"].to_numpy()
        return np.column_stack([1 - certain, certain])


class Shelved:
    """Versions 1 and 2 with their holdout, and reports. Counts how often a model was loaded."""

    def __init__(self) -> None:
        self.versions = {number: a_version(number) for number in (1, 2)}
        self.reports: list[object] = []
        self.loaded = 0
        self.error: Exception | None = None

    def version(self, model: str, number: int):
        if number not in self.versions:
            raise VersionNotFound(f"{model} has no version {number}")
        return self.versions[number]

    def scorer(self, version):
        del version
        self.loaded += 1
        if self.error is not None:
            raise self.error
        return Scored()

    def snapshot(self, version, part):
        del version, part
        return ROWS

    def listed(self, model):
        del model
        return self.reports

    def report_file(self, report, form):
        raise AssertionError((report, form))


class Bench:
    def __init__(self, folder: Path) -> None:
        (folder / "driftgate.toml").write_text(SETTINGS, encoding="utf-8")
        self.settings, self.shelved, self.ledger = load(folder, {}), Shelved(), FakeLedger()
        self.shelf = FakeCardShelf(versions=list(self.shelved.versions.values()))
        self.cards = self.restarted()

    def restarted(self) -> Carding:
        return Carding(self.settings, FactGatherer(self.settings, self.shelved, self.ledger, self.shelf), self.shelf)

    def text(self, number: int = 1) -> str:
        return self.shelf.files[MODEL, number, f"card/{MARKDOWN}"].decode()

    def ask(self, number: int, subject: str = "p1", **body) -> None:
        wish = {"action": "promote", "version": number, "expected_champion": None, **body}
        self.ledger.append(an_event(Kind.REQUESTED, subject, wish))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_every_version_gets_a_card_with_what_people_said_and_what_was_measured(bench):
    bench.cards.catch_up()

    assert {number for _, number, name in bench.shelf.files if name == f"card/{PAGE}"} == {1, 2}
    assert "| owner | the churn team |" in bench.text()
    assert "| accuracy | 0.5 |" in bench.text()
    assert "never promoted; not judged yet" in bench.shelf.descriptions[MODEL, 1]


def test_catching_up_again_changes_nothing_also_in_another_process(bench):
    bench.cards.catch_up()
    before = (dict(bench.shelf.files), dict(bench.shelf.descriptions), bench.shelved.loaded)
    bench.shelf.keep = None

    bench.cards.catch_up()
    bench.restarted().catch_up()

    assert (bench.shelf.files, bench.shelf.descriptions, bench.shelved.loaded) == before


def test_only_the_version_whose_history_changed_is_made_anew_and_not_measured_again(bench):
    bench.cards.catch_up()
    other, loaded = bench.text(2), bench.shelved.loaded
    bench.ask(1, comment="for the spring")

    bench.cards.catch_up()

    assert "for the spring" in bench.text(1)
    assert bench.text(2) == other
    assert bench.shelved.loaded == loaded


def test_a_card_is_made_anew_when_people_say_something_else_of_the_model(bench, tmp_path):
    bench.cards.catch_up()
    (tmp_path / "driftgate.toml").write_text(SETTINGS.replace("the churn team", "nobody"), encoding="utf-8")
    bench.settings = load(tmp_path, {})

    bench.restarted().catch_up()

    assert "| owner | nobody |" in bench.text()


def test_a_simulation_makes_the_card_anew(bench):
    bench.cards.catch_up()
    key = bench.shelf.keys[MODEL, 1]
    bench.shelved.reports = [replace(a_report("s1"), kind="simulation", version=1, files={"json": "reports/s1/envelope.json"})]
    bench.shelved.report_file = lambda report, form: Path("/nowhere") / report.id / form

    bench.cards.catch_up()

    # What a kept report lost is said to be unknown, and does not keep the card from being made.
    assert bench.shelf.keys[MODEL, 1] != key
    assert "Not simulated yet" in bench.text()


def test_a_registry_that_does_not_answer_is_asked_again(bench):
    bench.shelved.error = RegistryUnavailable("MLflow is down")
    bench.cards.catch_up()
    during = dict(bench.shelf.keys)
    bench.shelved.error = None

    bench.cards.catch_up()

    assert during == {}
    assert set(bench.shelf.keys) == {(MODEL, 1), (MODEL, 2)}


def test_a_crash_before_the_key_is_noted_makes_the_card_again(bench):
    link, bench.shelf.link = bench.shelf.link, lambda *_: (_ for _ in ()).throw(OSError("killed"))
    bench.cards.catch_up()
    bench.shelf.link = link

    bench.restarted().catch_up()

    assert set(bench.shelf.keys) == {(MODEL, 1), (MODEL, 2)}


def test_a_model_that_must_not_be_loaded_has_a_card_that_says_why_nothing_was_measured(bench):
    bench.shelved.error = DigestMismatch("the artifact is not the one registered")

    bench.cards.catch_up()

    assert "Not measured: the artifact is not the one registered" in bench.text()


def test_a_version_that_mlflow_lost_keeps_no_other_from_its_card_and_is_told_once(bench, caplog):
    bench.shelf.gone = {2}

    bench.cards.catch_up()
    bench.cards.catch_up()

    assert set(bench.shelf.keys) == {(MODEL, 1)}
    assert caplog.text.count("version 2: there is no run") == 1


def test_a_card_that_is_asked_for_is_found_or_made(bench):
    made, found = bench.cards.card(MODEL, 1), bench.cards.card(MODEL, 1)

    assert (made.made, found.made) == (True, False)
    assert made.files == found.files
    assert digests(made) == digests(found)
    assert bench.cards.page(MODEL, 1) == found.files[PAGE]


def test_a_card_whose_file_somebody_deleted_is_made_again(bench):
    made = bench.cards.card(MODEL, 1)
    del bench.shelf.files[MODEL, 1, f"card/{PAGE}"]

    assert bench.cards.card(MODEL, 1).files == made.files


def test_there_is_no_page_before_the_first_card_and_none_of_an_unknown_version(bench):
    with pytest.raises(ReportNotFound, match="driftgate card 1"):
        bench.cards.page(MODEL, 1)
    with pytest.raises(VersionNotFound):
        bench.cards.page(MODEL, 9)
    with pytest.raises(VersionNotFound):
        bench.cards.card(MODEL, 9)
