import json

import numpy as np
import pytest

from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.schema import Task
from driftgate.reports import performance
from driftgate.reports.cards import measuring, reading
from tests.builders import a_scenario, a_schema, passing_degradation
from tests.unit.reports.cards.facts import a_measurement

RNG = np.random.default_rng(3)


def holdout(task: Task, rows: int = 200):
    schema = a_schema(task)
    if task is Task.REGRESSION:
        truth = RNG.normal(size=rows)
        return schema, truth, truth + RNG.normal(scale=0.5, size=rows)
    labels = RNG.integers(len(schema.classes), size=rows)
    outputs = RNG.dirichlet(np.ones(len(schema.classes)), rows) + np.eye(len(schema.classes))[labels]
    return schema, [schema.classes[label] for label in labels], outputs / outputs.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("task", Task)
def test_the_values_are_those_of_the_version_and_lie_between_their_bounds(task):
    schema, labels, outputs = holdout(task)

    found = measuring.measure(schema, labels, outputs, threshold=None, confidence=0.95, seed=0)
    values = {each.name: each.estimate for each in found.metrics}
    known = performance.measure(schema, labels, outputs, train=performance.target_stats(labels, schema)).metrics

    assert found.rows == found.groups == 200
    for name in set(values) & set(known):
        assert values[name].value == pytest.approx(known[name])
    assert all(each.lower <= each.value <= each.upper for each in values.values())


def test_rows_of_an_entity_count_once():
    schema, labels, outputs = holdout(Task.BINARY)

    found = measuring.measure(schema, labels, outputs, threshold=0.5, confidence=0.95, seed=0, entities=np.arange(200) // 4)

    assert (found.units, found.groups, found.rows) == ("entities", 50, 200)


def test_a_metric_that_the_rows_do_not_define_is_there_and_not_defined():
    schema, _, outputs = holdout(Task.BINARY, 20)

    found = measuring.measure(schema, ["no"] * 20, outputs, threshold=None, confidence=0.95, seed=0)
    (auc,) = [each.estimate for each in found.metrics if each.name == "roc_auc"]

    assert np.isnan(auc.value)


def test_a_measurement_that_was_kept_reads_as_it_was():
    found = a_measurement(problem="why")

    again = reading.measured(reading.as_json(found))

    assert plain(again) == plain(found)
    assert np.isnan(again.metrics[1].estimate.value)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\xff", b'{"metrics": 1}'])
def test_what_is_no_measurement_is_none(text):
    assert reading.measured(text) is None


def test_an_envelope_that_was_kept_reads_as_it_was():
    envelope = passing_degradation(a_scenario(), a_scenario("plan missing", upper=None, loss=float("nan"), problem="it fails"))

    again = reading.degradation(json.loads(json.dumps(plain(envelope))))

    assert plain(again) == plain(envelope)


@pytest.mark.parametrize("document", [{}, {"loss": "mae"}, [], {**plain(passing_degradation()), "base": None}])
def test_what_is_no_envelope_is_refused(document):
    with pytest.raises((KeyError, TypeError, ValueError)):
        reading.degradation(document)
