from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftgate.lifecycle.measurements_live import ConceptShift
from driftgate.lifecycle.schema import Task
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.live import calibration, outputs, performance, plots
from tests.builders import a_schema

PNG = b"\x89PNG"
TIMES = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=row) for row in range(600)]


def rows(task=Task.BINARY):
    rng = np.random.default_rng(0)
    if task is Task.REGRESSION:
        said = rng.normal(size=600)
        return said, said + rng.normal(size=600)
    score = rng.beta(2, 3, 600)
    return np.column_stack([1 - score, score]), np.where(rng.random(600) < score, "yes", "no")


@pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION])
def test_every_plot_is_a_png_and_the_same_for_the_same_measurement(task, tmp_path):
    schema, (said, truths) = a_schema(task), rows(task)
    measured = calibration.measure(schema, said, truths)
    over = performance.over_time(schema, said, truths, times=TIMES)
    means = outputs.measure(schema, said, said, times=TIMES)

    metric = "mae" if task is Task.REGRESSION else "accuracy"
    made = [
        (
            plots.reliability(measured, tmp_path / folder / "reliability.png"),
            plots.over_time(over, metric, tmp_path / folder / "over.png", limit=0.8, holdout=0.7),
            plots.mean_output(means, tmp_path / folder / "mean.png"),
        )
        for folder in ("first", "second")
    ]

    assert all(path.read_bytes().startswith(PNG) for path in made[0])
    assert [path.read_bytes() for path in made[0]] == [path.read_bytes() for path in made[1]]


def test_nothing_to_plot_is_no_file(tmp_path):
    schema = a_schema()
    over = performance.over_time(schema, np.empty((0, 2)), [], times=[])

    made = (
        plots.reliability(calibration.measure(schema, np.empty((0, 2)), []), tmp_path / "a.png"),
        plots.over_time(over, "accuracy", tmp_path / "b.png"),
        plots.mean_output(outputs.measure(schema, [], []), tmp_path / "c.png"),
    )

    assert made == (None, None, None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", [None, Estimate(0.1, 0.05, 0.15)])
def test_parts_that_cannot_be_told_apart_are_still_drawn(part, tmp_path):
    shift = ConceptShift(
        "log_loss", 100, 100, 0.4, 0.6, Estimate(0.2, 0.1, 0.3), 0.95, "rows", 200, covariate=part, concept=part, outside=part
    )

    assert plots.concept_bars(shift, tmp_path / "bars.png").read_bytes().startswith(PNG)
