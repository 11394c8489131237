import pytest
from sqlalchemy import create_engine

from driftgate.lifecycle.errors import Conflict, StoreUnavailable, VersionNotFound
from driftgate.lifecycle.schema import Task
from driftgate.registry.binding import Bindings, as_json, from_text
from driftgate.registry.tables import metadata
from tests.builders import a_schema, a_version


@pytest.fixture
def bindings():
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    yield Bindings(engine)
    engine.dispose()


@pytest.mark.parametrize("task", Task)
def test_a_kept_binding_equals_the_one_read_back(bindings, task):
    version = a_version(3, schema=a_schema(task, entity="client"), threshold=None, metrics={"mae": 0.1 + 0.2})

    assert bindings.keep(version, "k1") == version
    assert bindings.version("churn", 3) == bindings.keyed("churn", "k1") == version


def test_the_first_binding_of_a_key_stays(bindings):
    first = bindings.keep(a_version(1), "k1")

    assert bindings.keep(a_version(2), "k1") == first
    assert bindings.versions("churn") == [first]


def test_a_version_is_bound_once(bindings):
    bindings.keep(a_version(1), "k1")

    with pytest.raises(Conflict, match="version 1 is bound"):
        bindings.keep(a_version(1), "k2")


def test_keys_and_numbers_are_of_their_own_model(bindings):
    bindings.keep(a_version(1), "k1")
    other = bindings.keep(a_version(1, "other"), "k1")

    assert bindings.versions("other") == [other]


def test_versions_come_oldest_first(bindings):
    for number in (10, 2, 9):
        bindings.keep(a_version(number), f"k{number}")

    assert [version.number for version in bindings.versions("churn")] == [2, 9, 10]


def test_an_unknown_version_is_not_found_and_the_known_ones_are_named(bindings):
    bindings.keep(a_version(1), "k1")

    with pytest.raises(VersionNotFound, match="known: 1") as caught:
        bindings.version("churn", 2)
    assert caught.value.field == "version"


def test_a_binding_survives_its_json_form():
    version = a_version(0)

    assert from_text(as_json(version)) == version


def test_a_database_without_the_table_is_unavailable():
    with pytest.raises(StoreUnavailable, match="digests"):
        Bindings(create_engine("sqlite://")).version("churn", 1)
