from pathlib import Path

import numpy as np
import pytest

from driftgate.lifecycle.schema import Task
from driftgate.reports import degradation_plot, plots
from driftgate.reports.degradation import simulate
from driftgate.reports.scenarios import standard
from tests.builders import a_scenario, passing_degradation
from tests.unit.reports.models import CountingScorer, mixed_rows, mixed_schema, outputs_of, truth_of

PNG = b"\x89PNG\r\n\x1a\n"


def drawn(task, folder, y=None, **options):
    frame = mixed_rows(400)
    y = truth_of(frame, task) if y is None else y
    return plots.draw(CountingScorer(mixed_schema(task)), frame, y, outputs_of(frame, task), folder, **options)


@pytest.mark.parametrize(
    ("task", "names"),
    [
        (Task.BINARY, ("roc.png", "calibration.png", "importance.png")),
        (Task.MULTICLASS, ("roc.png", "calibration.png", "importance.png")),
        (Task.REGRESSION, ("predictions.png", "residuals.png", "importance.png")),
    ],
)
def test_each_task_gets_its_plots(task, names, tmp_path):
    assert drawn(task, tmp_path / "plots", threshold=0.4) == names
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == sorted(names)
    assert all(path.read_bytes().startswith(PNG) for path in (tmp_path / "plots").iterdir())


def test_one_class_has_no_roc(tmp_path):
    assert drawn(Task.BINARY, tmp_path, y=np.zeros(400, dtype=np.int64)) == ("calibration.png", "importance.png")


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        drawn(Task.BINARY, tmp_path / name)

    assert (tmp_path / "one" / "roc.png").read_bytes() == (tmp_path / "two" / "roc.png").read_bytes()


def test_drawing_leaves_no_global_figures(tmp_path):
    from matplotlib import pyplot as plt

    drawn(Task.BINARY, tmp_path)

    assert plt.get_fignums() == []


@pytest.mark.parametrize("task", list(Task))
def test_the_envelope_is_drawn_and_told(task, tmp_path):
    frame, schema = mixed_rows(400), mixed_schema(task)
    scorer = CountingScorer(schema)
    envelope = simulate(scorer, frame, truth_of(frame, task), standard(schema, 400), champion_scorer=scorer)

    path = degradation_plot.draw(envelope, tmp_path / "deep" / "envelope.png")
    text = degradation_plot.markdown(envelope)

    assert Path(path).read_bytes().startswith(PNG)
    assert all(f"| {outcome.scenario} |" in text for outcome in envelope.scenarios)


@pytest.mark.parametrize("scenarios", [(a_scenario(),), (a_scenario("plan unseen", None, kind="unseen", problem="refused"),)])
def test_an_envelope_of_one_scenario_is_drawn(scenarios, tmp_path):
    assert degradation_plot.draw(passing_degradation(*scenarios), tmp_path / "one.png").exists()
