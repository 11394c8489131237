"""The bench: fitted on what was known and nothing else, judged by the real gates, refitted where its files are gone."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.backtests import Period, by_time, length
from driftgate.lifecycle.errors import InvalidData, NotFound
from driftgate.lifecycle.gates import judge
from driftgate.lifecycle.verdicts import Verdict
from driftgate.reports import comparison, losses
from driftgate.service.backtesting.bench import WHY_NOT, FittingBench, replayed
from driftgate.service.backtesting.history import History, read
from driftgate.service.backtesting.versions import FittedVersions
from driftgate.service.settings import Settings
from tests.builders import passing_evidence
from tests.unit.service.backtesting.histories import SETTINGS, dated, project

DELAY = timedelta(days=10)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def history(settings: Settings) -> History:
    return read(settings, "churn", None, None)


@pytest.fixture(scope="module")
def periods(history: History) -> tuple[Period, ...]:
    assert history.times is not None
    return by_time(history.times, length("10d", "every"), DELAY, 300)


def _bench(history: History, folder: Path, periods: tuple[Period, ...], **policy: object) -> FittingBench:
    return FittingBench(history, folder, replace(history.settings.policy("churn"), **policy), periods, {2: "constant_output"})


def test_a_version_holds_no_row_whose_outcome_was_not_known(history: History, periods: tuple[Period, ...], tmp_path: Path) -> None:
    versions = FittedVersions(history, tmp_path)

    for period in (periods[0], periods[-1]):
        version = versions.fit(period, None)
        rows = pd.concat([versions.snapshot(version, part) for part in ("train", "holdout")])
        assert len(rows) == period.known
        assert period.at is not None
        assert rows["day"].max().tz_localize("UTC") + DELAY <= period.at


def test_unknown_outcomes_change_no_version(periods: tuple[Period, ...], tmp_path: Path) -> None:
    frame = dated()
    known = periods[0].known
    turned = frame["churned"].map({"yes": "no", "no": "yes"})
    future = frame.assign(churned=frame["churned"].where(frame.index < known, turned))
    one, two = (read(project(tmp_path / name, rows), "churn", None, None) for name, rows in (("one", frame), ("two", future)))

    first, second = (FittedVersions(each, tmp_path / str(place)).fit(periods[0], None) for place, each in enumerate((one, two)))

    assert first.artifact_sha256 == second.artifact_sha256
    assert first.snapshot == second.snapshot


def test_the_gates_are_those_of_a_promotion(history: History, periods: tuple[Period, ...], tmp_path: Path) -> None:
    bench = _bench(history, tmp_path, periods)
    for number in (1, 4):
        bench.fit(periods[number - 1], None)

    gates = {gate.name: gate for gate in bench.gates(4, 1, periods[3].at, periods[0].at)}

    assert list(gates) == [gate.name for gate in judge(passing_evidence(), replayed(history.settings.policy("churn")))]
    assert {name for name, gate in gates.items() if gate.verdict is Verdict.NOT_APPLICABLE} >= set(WHY_NOT)
    assert all(gates[name].reasons == (why,) for name, why in WHY_NOT.items())
    assert gates["comparison"].measured["rows"] == bench.compared(4, 1).rows


def test_the_comparison_is_on_rows_that_neither_was_trained_on(history: History, periods: tuple[Period, ...], tmp_path: Path) -> None:
    bench = _bench(history, tmp_path, periods)
    versions = FittedVersions(history, tmp_path)
    for number in (1, 2):
        bench.fit(periods[number - 1], None)

    found = bench.compared(2, 1)

    one, two = (versions.version(number) for number in (1, 2))
    holdout = versions.snapshot(two, "holdout")
    unseen = comparison.unseen(holdout, versions.snapshot(one, "train"), two.schema)
    assert (found.rows, found.excluded) == (int(unseen.sum()), int((~unseen).sum()))
    truth = losses.truth(holdout[unseen]["churned"], two.schema)
    by_hand = losses.per_row_loss(versions.scorer(two).score(holdout[unseen]), truth, two.schema).mean()
    assert found.candidate_loss == pytest.approx(by_hand)


def test_a_gate_that_the_policy_turns_off_says_that_and_tests_and_days_do_not_block(
    history: History, periods: tuple[Period, ...], tmp_path: Path
) -> None:
    bench = _bench(history, tmp_path, periods, off=("replay",), tests=("tests/behaviour.py",), promotion_windows=("Sun 03:00-03:01",))
    for number in (1, 3):
        bench.fit(periods[number - 1], None)

    gates = {gate.name: gate for gate in bench.gates(3, 1, periods[2].at, periods[0].at)}

    assert gates["replay"].reasons == ("the policy turns it off (gates.off)",)
    assert gates["behaviour"].verdict is Verdict.NOT_APPLICABLE
    assert "times" not in gates


def test_a_cooldown_is_counted_in_the_time_of_the_history(history: History, periods: tuple[Period, ...], tmp_path: Path) -> None:
    bench = _bench(history, tmp_path, periods, cooldown_days=15.0)
    for number in (1, 2):
        bench.fit(periods[number - 1], None)
    early, late = periods[1].at, periods[2].at

    blocked, allowed = ({gate.name: gate for gate in bench.gates(2, 1, at, periods[0].at)}["times"] for at in (early, late))

    assert (blocked.verdict, allowed.verdict) == (Verdict.FAIL, Verdict.PASS)


def test_what_is_gone_or_changed_is_fitted_again_and_never_loaded(history: History, periods: tuple[Period, ...], tmp_path: Path) -> None:
    first = _bench(history, tmp_path, periods)
    first.fit(periods[1], "constant_output")
    said = first.scored(2, periods[2])
    model = tmp_path / "2" / "model.pkl"
    whole = model.read_bytes()
    model.write_bytes(whole + b"more")

    with pytest.raises(NotFound, match="was changed"):
        FittedVersions(history, tmp_path).version(2)
    assert _bench(history, tmp_path, periods).scored(2, periods[2]) == said
    assert model.read_bytes() == whole


def test_forgotten_versions_leave_no_files(history: History, periods: tuple[Period, ...], tmp_path: Path) -> None:
    bench = _bench(history, tmp_path, periods)
    for number in (1, 2, 3):
        bench.fit(periods[number - 1], None)

    bench.retain([1, 3])

    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "3"]


def test_a_history_of_one_class_so_far_cannot_be_fitted(periods: tuple[Period, ...], tmp_path: Path) -> None:
    frame = dated()
    early = frame.assign(churned=frame["churned"].where(frame.index > 500, "no"))
    history = read(project(tmp_path, early), "churn", None, None)

    with pytest.raises(InvalidData):
        _bench(history, tmp_path / "versions", periods).fit(periods[0], None)


def test_scores_are_those_of_the_period_only(history: History, periods: tuple[Period, ...], tmp_path: Path) -> None:
    bench = _bench(history, tmp_path, periods)
    bench.fit(periods[0], "constant_output")
    period = periods[1]
    version = FittedVersions(history, tmp_path).version(1)
    train = FittedVersions(history, tmp_path)
    share = float((train.snapshot(train.version(1), "train")["churned"] == "yes").mean())
    truth = history.truth[period.start : period.end]

    found = bench.scored(1, period)

    assert version.number == 1
    assert found.loss == pytest.approx(float(np.mean(-np.log(np.where(truth == 1, share, 1 - share)))))
    assert found.quality == pytest.approx(float((truth == (share >= 0.5)).mean()))


def test_a_class_that_a_version_never_saw_costs_it_the_most(tmp_path: Path) -> None:
    frame = dated()
    late = frame.assign(churned=frame["churned"].where(frame.index < 600, "gone"))
    multiclass = SETTINGS.replace('positive = "yes"\n', "")
    history = read(project(tmp_path, late, multiclass), "churn", None, None)
    assert history.times is not None
    cut = by_time(history.times, length("10d", "every"), timedelta(), 300)
    bench = _bench(history, tmp_path / "versions", cut)
    bench.fit(cut[0], None)

    assert bench.scored(1, cut[-1]).loss == pytest.approx(-np.log(losses.PROBABILITY_EPSILON))


def test_the_monitors_alarm_where_the_relation_turned_round(history: History, periods: tuple[Period, ...], tmp_path: Path) -> None:
    bench = _bench(history, tmp_path, periods)
    bench.fit(periods[0], None)

    alarms = bench.alarms(1, periods[-1])

    assert any(subject.startswith("performance/") for subject in alarms)
    assert len(alarms) == len(set(alarms))
