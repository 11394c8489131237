"""What every shelf of model cards does: the fake, and MLflow."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from driftgate.lifecycle.ports_cards import CardShelf
from driftgate.lifecycle.versions import Version
from tests.builders import a_version
from tests.fakes import FakeCardShelf
from tests.registered import bench


@dataclass
class Case:
    shelf: CardShelf
    version: Version
    described: Callable[[], str]
    describe: Callable[[str], None]


@pytest.fixture(params=["fake", "mlflow"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param == "fake":
        version = a_version(1)
        fake, at = FakeCardShelf(versions=[version]), (version.model, version.number)
        yield Case(fake, version, lambda: fake.descriptions.get(at, ""), lambda text: fake.descriptions.update({at: text}))
        return
    with bench(tmp_path) as real:
        version = real.registered()
        client = real.registry._connection.client

        def describe(text: str) -> None:
            client.update_model_version(version.model, str(version.number), text)

        yield Case(real.registry.cards, version, lambda: client.get_model_version(version.model, "1").description, describe)


def test_bound_versions_are_listed_oldest_first(case):
    assert [each.number for each in case.shelf.bound(case.version.model)] == [1]
    assert list(case.shelf.bound("nothing")) == []


def test_what_is_kept_can_be_read_and_a_repeat_overwrites(case):
    before = case.shelf.read(case.version, "card/model-card.md")
    case.shelf.keep(case.version, {"model-card.md": b"one", "model-card.html": b"<p>\xc3\xa9"})
    case.shelf.keep(case.version, {"model-card.md": b"two"})

    assert before is None
    assert case.shelf.read(case.version, "card/model-card.md") == b"two"
    assert case.shelf.read(case.version, "card/model-card.html") == b"<p>\xc3\xa9"
    assert case.shelf.read(case.version, "elsewhere/model-card.md") is None


def test_a_key_is_noted_with_the_link(case):
    before = dict(case.shelf.made(case.version.model))
    case.shelf.link(case.version, "words", "key-1")

    assert before == {}
    assert case.shelf.made(case.version.model) == {1: "key-1"}
    assert case.shelf.made("nothing") == {}


def test_what_people_wrote_in_the_description_stays(case):
    case.describe("ours, by hand:\n\n* checked by Ann")
    case.shelf.link(case.version, "[card](#/1)", "key-1")
    case.describe(case.described().replace("checked by Ann", "checked by Ann and Bob") + "\n\nafterwards")

    case.shelf.link(case.version, "[card](#/2)", "key-2")

    told = case.described()
    assert told.startswith("ours, by hand:\n\n* checked by Ann and Bob")
    assert "\n\nafterwards" in told
    assert "#/1" not in told
    assert told.count("[card](#/2)") == 1


def test_a_repeat_leaves_the_description_as_it_is(case):
    case.shelf.link(case.version, "words", "key-1")
    once = case.described()
    case.shelf.link(case.version, "words", "key-1")

    assert case.described() == once


def test_a_run_says_that_driftgate_trained_the_version(case):
    assert case.shelf.run(case.version).ours
