"""What every registry does: the fake, and MLflow with the digest table."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from driftgate.lifecycle.errors import DigestMismatch, NotFound, VersionNotFound
from driftgate.lifecycle.ports import Registry
from driftgate.lifecycle.versions import RetrainRequest, Training, Version
from tests.builders import a_plan, a_retrain_request, a_training
from tests.fakes import FakeRegistry
from tests.registered import bench, evaluated


@dataclass
class Case:
    registry: Registry
    model: str
    staged: Callable[[], Training]
    tamper: Callable[[Version], None]
    evidence: Callable[[Version, str], bytes]

    def request(self, key: str) -> RetrainRequest:
        return a_retrain_request(key, plan=a_plan(self.model))

    def register(self, key: str) -> Version:
        return self.registry.register(self.request(key), self.staged(), evaluated())


@pytest.fixture(params=["fake", "mlflow"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param == "fake":
        fake = FakeRegistry()
        yield Case(
            fake,
            "churn",
            lambda: a_training(model="churn"),
            lambda version: fake.tampered.add(version.number),
            lambda version, name: fake.evidence[version.model, version.number, name].encode(),
        )
        return
    with bench(tmp_path) as real:

        def tamper(version: Version) -> None:
            with (real.stored_model(version) / "model.pkl").open("ab") as file:
                file.write(b"x")

        def evidence(version: Version, name: str) -> bytes:
            return (real.stored_snapshot(version).parent / "evidence" / name).read_bytes()

        yield Case(real.registry, real.model, real.staged, tamper, evidence)


def test_a_new_version_is_numbered_from_one_and_becomes_the_candidate(case):
    first = case.register("k1")
    second = case.register("k2")

    assert (first.number, second.number) == (1, 2)
    assert "candidate" in second.aliases
    assert [(version.number, "candidate" in version.aliases) for version in case.registry.versions(case.model)] == [(1, False), (2, True)]


def test_the_same_key_again_is_the_same_version(case):
    first = case.register("k1")

    again = case.register("k1")

    assert (again.number, again.run_id, again.artifact_sha256) == (first.number, first.run_id, first.artifact_sha256)
    assert len(case.registry.versions(case.model)) == 1


def test_a_version_carries_what_the_training_froze(case):
    training = case.staged()

    version = case.registry.register(case.request("k1"), training, evaluated())

    assert case.registry.version(case.model, 1).schema == version.schema == training.schema
    assert version.threshold == training.threshold
    assert (version.snapshot.train_rows, version.snapshot.holdout_rows) == (training.train_rows, training.holdout_rows)
    assert version.metrics == evaluated().performance.metrics
    assert version.created.tzinfo is not None


def test_an_unknown_version_is_not_found(case):
    case.register("k1")

    with pytest.raises(VersionNotFound):
        case.registry.version(case.model, 2)
    with pytest.raises(VersionNotFound):
        case.registry.point_champion(case.model, 2)
    with pytest.raises(VersionNotFound):
        case.registry.point_challenger(case.model, 2)


def test_a_model_without_versions_has_none_and_no_champion(case):
    assert list(case.registry.versions(case.model)) == []
    assert case.registry.champion_alias(case.model) is None


def test_the_champion_alias_is_where_it_was_last_pointed(case):
    case.register("k1")
    case.register("k2")

    for number in (1, 2, 2, 1):
        case.registry.point_champion(case.model, number)

    assert case.registry.champion_alias(case.model) == 1


def test_the_challenger_alias_is_where_it_was_last_pointed_until_it_is_taken_away(case):
    case.register("k1")
    case.register("k2")
    nowhere = case.registry.challenger_alias(case.model)

    for number in (1, 2, 2):
        case.registry.point_challenger(case.model, number)
    pointed = case.registry.challenger_alias(case.model)
    for _ in range(2):
        case.registry.point_challenger(case.model, None)

    assert (nowhere, pointed, case.registry.challenger_alias(case.model)) == (None, 2, None)
    assert case.registry.champion_alias(case.model) is None


def test_nobody_challenges_a_model_that_mlflow_does_not_know(case):
    case.registry.point_challenger(case.model, None)

    assert case.registry.challenger_alias(case.model) is None


def test_an_untouched_version_verifies_and_a_changed_one_is_refused(case):
    first, second = case.register("k1"), case.register("k2")

    case.tamper(second)

    case.registry.verify(first)
    with pytest.raises(DigestMismatch):
        case.registry.verify(second)


def test_metrics_can_be_recorded_again(case):
    version = case.register("k1")

    for value in (0.1, 0.2):
        case.registry.record_metrics(version, {"simulation/score x1.05/log_loss": value})


def test_marks_are_those_last_set_on_the_model_and_on_each_version(case):
    case.register("k1")
    case.register("k2")

    for number, value in ((None, "a"), (2, "b"), (2, "c")):
        case.registry.mark(case.model, number, {"driftgate.test": value})
    found = {number: tags.get("driftgate.test") for number, tags in case.registry.marks(case.model).items()}

    assert found == {None: "a", 1: None, 2: "c"}


def test_a_model_that_is_not_registered_has_no_marks_and_takes_none(case):
    assert case.registry.marks(case.model) == {}
    for number in (None, 1):
        with pytest.raises(NotFound):
            case.registry.mark(case.model, number, {"driftgate.test": "a"})


def test_evidence_is_kept_byte_for_byte_and_a_repeat_overwrites(case):
    version = case.register("k1")

    for text in ("first", '{"words":"Zürich\u0000"}'):
        case.registry.keep_evidence(version, "p1.json", text)

    assert case.evidence(version, "p1.json") == '{"words":"Zürich\u0000"}'.encode()
