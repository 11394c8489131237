import pytest

from driftgate.lifecycle.instances import Instance
from driftgate.lifecycle.schema import Task
from driftgate.service.serving.loaded import LoadedVersion
from tests.builders import a_schema, a_version
from tests.fakes import FakeScorer


def test_the_binary_threshold_decides_from_its_value_on() -> None:
    version = a_version(threshold=0.7)
    at, below = (LoadedVersion(version, FakeScorer(answer=[1 - p, p])).outputs([Instance()])[0] for p in (0.7, 0.69))

    assert (at.prediction, below.prediction) == ("yes", "no")
    assert at.probabilities == pytest.approx((0.3, 0.7))


def test_the_most_probable_of_many_classes_is_predicted() -> None:
    version = a_version(schema=a_schema(Task.MULTICLASS), threshold=None)

    (output,) = LoadedVersion(version, FakeScorer(version.schema, [0.2, 0.5, 0.3])).outputs([Instance()])

    assert (output.prediction, output.probabilities) == ("low", (0.2, 0.5, 0.3))


def test_a_regression_answers_numbers_without_probabilities() -> None:
    version = a_version(schema=a_schema(Task.REGRESSION), threshold=None)

    outputs = LoadedVersion(version, FakeScorer(version.schema, 3.5)).outputs([Instance(), Instance()])

    assert [(each.prediction, each.probabilities) for each in outputs] == [(3.5, ()), (3.5, ())]
