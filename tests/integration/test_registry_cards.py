"""What only MLflow itself can show of model cards."""

import pytest

from driftgate.lifecycle.errors import InvalidRequest, RegistryUnavailable
from driftgate.registry.cards import LARGEST_PICTURE, LONGEST, PNG
from tests.registered import bench


@pytest.fixture
def real(tmp_path):
    with bench(tmp_path) as made:
        yield made


def test_a_run_tells_parameters_and_who_asked(real):
    version = real.registered()

    facts = real.registry.cards.run(version)

    assert facts.params["train_rows"] == "220"
    assert facts.tags["driftgate.actor"] == real.request().actor
    assert facts.link.endswith(f"/runs/{version.run_id}/artifacts/card/model-card.html")


def test_pictures_are_those_of_the_run_that_are_pictures(real):
    version = real.registered()
    folder = real.stored_snapshot(version).parent / "plots"
    (folder / "calibration.png").write_bytes(PNG + b"1")
    (folder / "large.png").write_bytes(PNG + b"x" * LARGEST_PICTURE)

    # roc.png of this bench is no picture.
    assert real.registry.cards.pictures(version) == {"calibration.png": PNG + b"1"}


def test_a_path_never_leaves_the_run(real):
    version = real.registered()

    for path in ("../secret", "/etc/passwd", "card/../../x", ""):
        with pytest.raises(InvalidRequest):
            real.registry.cards.read(version, path)


def test_a_description_as_long_as_mlflow_holds_is_not_cut_for_a_card(real):
    version = real.registered()
    client, text = real.registry._connection.client, "t" * LONGEST
    client.update_model_version(version.model, "1", text)

    real.registry.cards.link(version, "words", "key")

    assert client.get_model_version(version.model, "1").description == text
    assert real.registry.cards.made(version.model) == {1: "key"}


def test_a_server_that_does_not_answer_is_unavailable(real):
    version = real.registered()
    shelf = real.reopened("http://127.0.0.1:9").cards

    for ask in (lambda: shelf.made(version.model), lambda: shelf.read(version, "card/x"), lambda: shelf.link(version, "w", "k")):
        with pytest.raises(RegistryUnavailable):
            ask()
    assert [each.number for each in shelf.bound(version.model)] == [1]


def test_a_registration_that_is_finished_late_keeps_a_link_that_is_there_already(real):
    from driftgate.registry.registration import describe

    version = real.registered()
    real.registry.cards.link(version, "words", "key")

    describe(real.registry._connection.client, version, "Retrained by ann: requested")
    told = real.registry._connection.client.get_model_version(version.model, "1").description

    assert told.startswith(f"Retrained by {real.request().actor}: ")
    assert "words" in told
