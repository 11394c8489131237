import pytest

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.flows.retraining import retrain
from tests.builders import MODEL, a_retrain_request
from tests.fakes import FakeExaminer, FakeRegistry, FakeTrainer


def test_a_retrain_ends_with_a_candidate_and_leaves_the_champion_alone() -> None:
    registry = FakeRegistry()

    version = retrain(a_retrain_request(), FakeTrainer(), FakeExaminer(), registry)

    assert (version.number, version.aliases) == (1, ("candidate",))
    assert registry.champion_alias(MODEL) is None


def test_the_evaluation_of_the_holdout_is_registered_with_the_version() -> None:
    registry, examiner = FakeRegistry(), FakeExaminer()

    version = retrain(a_retrain_request(), FakeTrainer(), examiner, registry)

    assert dict(version.metrics) == dict(examiner.evaluated.performance.metrics)


def test_the_same_request_after_a_crash_gives_the_same_version() -> None:
    registry = FakeRegistry()
    first = retrain(a_retrain_request("k"), FakeTrainer(), FakeExaminer(), registry)

    again = retrain(a_retrain_request("k"), FakeTrainer(), FakeExaminer(), registry)

    assert again == first
    assert len(registry.versions(MODEL)) == 1


def test_another_request_gives_the_next_version() -> None:
    registry = FakeRegistry()
    retrain(a_retrain_request("k"), FakeTrainer(), FakeExaminer(), registry)

    assert retrain(a_retrain_request("l"), FakeTrainer(), FakeExaminer(), registry).number == 2


def test_rows_that_cannot_be_used_leave_no_version_behind() -> None:
    registry, examiner = FakeRegistry(), FakeExaminer()

    with pytest.raises(InvalidData, match="one class"):
        retrain(a_retrain_request(), FakeTrainer(unusable="the holdout has one class"), examiner, registry)

    assert (registry.versions(MODEL), examiner.calls) == ((), [])
