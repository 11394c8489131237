import numpy as np
import pytest

from driftgate.lifecycle.schema import Task
from driftgate.reports import performance
from driftgate.reports.shift.soft_metrics import metrics
from tests.unit.reports.models import mixed_rows, mixed_schema, outputs_of, truth_of


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS])
def test_with_certain_classes_they_are_the_ordinary_metrics(task):
    frame, schema = mixed_rows(300), mixed_schema(task)
    outputs, y = outputs_of(frame, task).round(2), truth_of(frame, task)
    labels = np.array(schema.classes, dtype=object)[y]

    found = metrics(outputs, np.eye(len(schema.classes))[y], np.ones(300), 0.4)

    ordinary = performance.measure(schema, labels, outputs, train=performance.TargetStats(), threshold=0.4).metrics
    assert found == pytest.approx({name: ordinary[name] for name in found})


def test_a_weight_is_a_repetition():
    frame = mixed_rows(50)
    outputs, y = outputs_of(frame, Task.BINARY), truth_of(frame, Task.BINARY)
    times = np.random.default_rng(0).integers(0, 4, 50)
    certain = np.eye(2)[y]

    weighted = metrics(outputs, certain, times.astype(float), None)

    assert weighted == pytest.approx(
        metrics(np.repeat(outputs, times, axis=0), np.repeat(certain, times, axis=0), np.ones(times.sum()), None)
    )


def test_chances_give_the_mean_over_the_classes_that_they_make_likely():
    rng = np.random.default_rng(0)
    said = rng.random(200)
    outputs = np.column_stack([1 - said, said])
    drawn = [metrics(outputs, np.eye(2)[(rng.random(200) < said).astype(int)], np.ones(200), None) for _ in range(400)]

    found = metrics(outputs, outputs, np.ones(200), None)

    assert found == pytest.approx({name: np.mean([each[name] for each in drawn]) for name in found}, abs=0.006)


def test_what_is_undefined_is_not_a_number():
    outputs = np.tile([0.9, 0.1], (10, 1))

    found = metrics(outputs, np.tile([1.0, 0.0], (10, 1)), np.ones(10), None)

    assert np.isnan([found["roc_auc"], found["precision"], found["recall"], found["f1"]]).all()
