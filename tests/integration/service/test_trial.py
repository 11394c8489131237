"""Trial refits with the real trainer: whether a retrain would help, told from later matured payloads, with nothing left behind."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.payloads import Arm, Outcome, Output, Payload, Window
from driftgate.lifecycle.ports import Trainer
from driftgate.lifecycle.triggers import Prospect, TrialResult
from driftgate.lifecycle.versions import RetrainRequest, Training, Version
from driftgate.service.monitoring import trial as module
from driftgate.service.monitoring.trial import Trials, unseen
from driftgate.service.settings import Settings, load
from driftgate.service.staged import Staged, load_staged
from driftgate.training.fit import LocalTrainer
from tests.builders import MODEL, NOON, a_schema, a_version
from tests.fakes import FakeTrainer

DAY = timedelta(days=1)
TOML = """
[models.churn]
source = {{ path = "now.csv" }}
target = "churned"
positive = "yes"
estimator = {{ name = "logistic" }}
{more}
[models.churn.outcomes]
maturity_days = 30
"""


def frame(count: int, seed: int, sign: float = 1.0) -> pd.DataFrame:
    """Rows whose label depends on the score, upwards or downwards."""
    rng = np.random.default_rng(seed)
    score = rng.normal(size=count)
    label = rng.random(count) < 1 / (1 + np.exp(-2 * sign * score))
    return pd.DataFrame({"score": score, "plan": rng.choice(["a", "b"], count), "churned": np.where(label, "yes", "no")})


class Log:
    """Labelled payloads, and how often they were asked for."""

    def __init__(self, rows: pd.DataFrame, last: datetime = NOON - 31 * DAY) -> None:
        self.known = [
            (
                Payload(
                    f"p{place}", MODEL, 1, Arm.CHAMPION, f"e{place}", {name: row[name] for name in row if name != "churned"},
                    Output("yes", (0.5, 0.5)), last - place * timedelta(minutes=1), last,
                ),
                Outcome(MODEL, row["churned"], last, f"p{place}"),
            )
            for place, row in enumerate(rows.to_dict("records"))
        ][::-1]  # fmt: skip
        self.windows: list[Window] = []

    def joined(self, _: str, window: Window, __: int | None = None, **___: bool) -> Sequence[tuple[Payload, Outcome]]:
        self.windows.append(window)
        return [(payload, outcome) for payload, outcome in self.known if window.start <= payload.event_time < window.end]


class Versions:
    """A champion that was fitted a moment ago, as the registry would give it."""

    def __init__(self, training: Training) -> None:
        self.staged: Staged = load_staged(training)
        self.bound = a_version(1, schema=training.schema)

    def version(self, model: str, number: int) -> Version:
        assert (model, number) == (MODEL, 1)
        return self.bound

    def scorer(self, _: Version) -> Any:
        return self.staged.scorer

    def snapshot(self, _: Version, part: str) -> pd.DataFrame:
        return {"train": self.staged.train, "holdout": self.staged.holdout}[part]


def project(folder: Path, source: pd.DataFrame, more: str = "") -> Settings:
    (folder / "driftgate.toml").write_text(TOML.format(more=more))
    source.to_csv(folder / "now.csv", index=False)
    return load(folder, {})


def champion(folder: Path, settings: Settings, rows: pd.DataFrame) -> Versions:
    rows.to_csv(folder / "then.csv", index=False)
    plan = settings.plan(MODEL, folder / "then.csv")
    return Versions(LocalTrainer(folder / "champion", folder).train(RetrainRequest("first", plan, "ada")))


def tried(settings: Settings, versions: Versions, log: Log, trainer: Trainer | None = None, about: Window | None = None) -> TrialResult:
    real = LocalTrainer(settings.state / "staging", settings.project)
    return Trials(settings, trainer or real, versions, log).trial(MODEL, 1, NOON, "trial-1", about)


def left(settings: Settings) -> list[Path]:
    folder = settings.state / "staging"
    return list(folder.iterdir()) if folder.exists() else []


def test_a_refit_on_rows_of_a_new_world_helps_and_leaves_nothing(tmp_path):
    settings = project(tmp_path, frame(2_000, 2, sign=-1.0))
    versions = champion(tmp_path, settings, frame(2_000, 1))

    result = tried(settings, versions, Log(frame(1_500, 3, sign=-1.0)))

    assert result.prospect is Prospect.HELPS
    assert result.rows == 1_500
    assert result.difference.upper < 0
    assert "on 1,500 matured payloads that neither was trained on" in result.words
    assert left(settings) == []


def test_a_refit_in_the_same_world_does_not_help(tmp_path):
    settings = project(tmp_path, frame(2_000, 2))
    versions = champion(tmp_path, settings, frame(2_000, 1))

    result = tried(settings, versions, Log(frame(3_000, 3)))

    assert result.prospect is Prospect.DOES_NOT_HELP
    assert result.difference.lower > -0.01 * 0.6
    assert left(settings) == []


def test_a_refit_on_corrupt_rows_does_not_help(tmp_path):
    settings = project(tmp_path, frame(2_000, 2, sign=-1.0))
    versions = champion(tmp_path, settings, frame(2_000, 1))

    assert tried(settings, versions, Log(frame(1_500, 3))).prospect is Prospect.DOES_NOT_HELP


def test_where_outcomes_alarmed_only_their_window_judges_and_the_old_world_does_not_outvote_it(tmp_path):
    settings = project(tmp_path, frame(2_000, 2, sign=-1.0))
    versions = champion(tmp_path, settings, frame(2_000, 1))
    # One payload a minute: 500 of the new world after 4,500 of the old one.
    log = Log(pd.concat([frame(500, 3, sign=-1.0), frame(4_500, 4)], ignore_index=True))
    window = Window(NOON - 31 * DAY - timedelta(minutes=499), NOON - 30 * DAY)

    year, alarmed = tried(settings, versions, log), tried(settings, versions, log, about=window)

    assert (year.prospect, year.rows) == (Prospect.DOES_NOT_HELP, 5_000)
    assert (alarmed.prospect, alarmed.rows) == (Prospect.HELPS, 500)


def test_payloads_of_the_window_that_have_not_matured_do_not_judge(tmp_path):
    settings = project(tmp_path, frame(500, 2))
    versions, log = champion(tmp_path, settings, frame(500, 1)), Log(frame(1_000, 3), last=NOON)

    result = tried(settings, versions, log, FakeTrainer(), Window(NOON - DAY, NOON + DAY))

    assert "there are 0 matured payloads" in result.words


def test_too_few_matured_payloads_say_nothing_and_nothing_is_fitted(tmp_path):
    settings = project(tmp_path, frame(500, 2))
    versions, trainer = champion(tmp_path, settings, frame(500, 1)), FakeTrainer()
    young = Log(frame(1_000, 3), last=NOON - 29 * DAY - timedelta(minutes=640))

    few = tried(settings, versions, Log(frame(199, 3)), trainer)
    immature = tried(settings, versions, Log(frame(1_000, 3), last=NOON), trainer)
    partly = tried(settings, versions, young, trainer)

    assert [result.prospect for result in (few, immature, partly)] == [Prospect.UNKNOWN] * 3
    assert "there are 199 matured payloads, and 200 are needed" in few.words
    assert "there are 0 matured payloads" in immature.words
    assert "there are 199 matured payloads" in partly.words
    assert trainer.requests == []


def test_payloads_that_either_was_trained_on_do_not_judge(tmp_path):
    source, old = frame(1_000, 2), frame(1_000, 1)
    settings = project(tmp_path, source)
    versions = champion(tmp_path, settings, old)
    trained = LocalTrainer(tmp_path / "beside", tmp_path).train(RetrainRequest("beside", settings.plan(MODEL), "ada"))
    seen = pd.concat([load_staged(trained).train, versions.staged.train], ignore_index=True)

    none_left = tried(settings, versions, Log(seen))
    some_left = tried(settings, versions, Log(pd.concat([seen, frame(400, 3)], ignore_index=True)))

    assert (none_left.prospect, none_left.rows) == (Prospect.UNKNOWN, 0)
    assert "there are 0 matured payloads that neither was trained on" in none_left.words
    assert some_left.rows == 400


def dated(*moments: str) -> pd.DataFrame:
    return frame(len(moments), 1).assign(at=[pd.Timestamp(moment) for moment in moments])


@pytest.mark.parametrize(
    ("last", "fresh"),
    [("2026-01-02 09:00", [False, False, True, True]), ("2026-01-02 00:00", [False, False, False, True])],
)
def test_of_dated_rows_those_after_the_last_trained_one_are_fresh_and_after_its_day_where_dates_have_no_hour(last, fresh):
    rows = dated("2026-01-01 23:00", "2026-01-02 09:00", "2026-01-02 09:01", "2026-01-03 00:00")
    schema = a_schema(time="at")
    earlier, trained = dated("2025-12-01"), dated("2025-12-01", last)

    found = unseen(rows[["score", "plan", "churned"]], rows["at"], [earlier, trained], [schema, schema])

    assert found.tolist() == fresh


def test_dated_versions_are_judged_on_later_payloads(tmp_path):
    source = frame(1_000, 2).assign(at=pd.date_range("2025-11-01", periods=1_000, freq="h"))
    settings = project(tmp_path, source, 'time = "at"')

    result = tried(settings, champion(tmp_path, settings, source.iloc[:500]), Log(frame(300, 3)))

    assert result.rows == 300


@pytest.mark.parametrize("hidden", ['redact = ["score"]', 'hash = ["plan"]'])
def test_where_a_log_hides_a_feature_what_a_retrain_would_hold_out_judges(tmp_path, hidden):
    more = f"[models.churn.payloads]\n{hidden}\n[storage]\nhash_key = 'env:KEY'\n"
    settings = project(tmp_path, frame(1_000, 2, sign=-1.0))
    (tmp_path / "driftgate.toml").write_text(TOML.format(more="") + more)
    settings = load(tmp_path, {"KEY": "k" * 16})
    log = Log(frame(300, 3))

    result = tried(settings, champion(tmp_path, settings, frame(500, 1)), log)

    assert (result.prospect, result.rows) == (Prospect.HELPS, 251)
    assert "on 251 rows that a retrain would hold out (the payloads do not hold " in result.words
    assert log.windows == []


def test_too_few_rows_to_hold_out_say_nothing(tmp_path):
    more = "[models.churn.payloads]\nredact = ['score']\n"
    settings = project(tmp_path, frame(796, 2), more)

    result = tried(settings, champion(tmp_path, settings, frame(500, 1)), Log(frame(300, 3)))

    assert result.prospect is Prospect.UNKNOWN
    assert "there are 199 rows that a retrain would hold out" in result.words
    assert "200 are needed (gates.minimum_rows)" in result.words


def test_a_source_that_cannot_be_used_is_unknown_and_not_an_error(tmp_path):
    settings = project(tmp_path, frame(500, 2))
    versions, log = champion(tmp_path, settings, frame(500, 1)), Log(frame(300, 3))
    (tmp_path / "now.csv").unlink()

    result = tried(settings, versions, log)

    assert result.prospect is Prospect.UNKNOWN
    assert "the trial could not be made: " in result.words
    assert left(settings) == []


def test_where_a_feature_is_new_what_a_retrain_would_hold_out_judges(tmp_path):
    source = frame(1_000, 2)
    source["age"] = np.arange(1_000) % 70 + 0.5
    settings = project(tmp_path, source)

    result = tried(settings, champion(tmp_path, settings, frame(500, 1)), Log(frame(300, 3)))

    assert result.rows == 251
    assert "the payloads do not hold age as they were" in result.words
    assert left(settings) == []


def test_a_new_version_without_a_feature_of_the_champion_cannot_be_compared_on_what_it_would_hold_out(tmp_path):
    source = frame(1_000, 2)
    settings = project(tmp_path, source.drop(columns="score").assign(age=np.arange(1_000) % 70 + 0.5))

    result = tried(settings, champion(tmp_path, settings, frame(500, 1)), Log(frame(300, 3)))

    assert result.prospect is Prospect.UNKNOWN
    assert "would not take score, which the champion takes" in result.words


def test_a_trial_that_dies_half_way_leaves_nothing(tmp_path):
    settings = project(tmp_path, frame(500, 2))
    versions, log = champion(tmp_path, settings, frame(500, 1)), Log(frame(300, 3))

    class Dying(LocalTrainer):
        def train(self, request: RetrainRequest) -> Training:
            super().train(request)
            raise InvalidData("the disk is full")

    result = tried(settings, versions, log, Dying(settings.state / "staging", tmp_path))

    assert result.words == "the trial could not be made: the disk is full"
    assert left(settings) == []


def test_a_trial_reads_no_more_than_it_may(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TRAINED_ROWS", 300)
    monkeypatch.setattr(module, "JUDGED_ROWS", 250)
    settings = project(tmp_path, frame(2_000, 2))
    versions, log = champion(tmp_path, settings, frame(500, 1)), Log(frame(4_000, 3))
    seen: list[Training] = []

    class Watched(LocalTrainer):
        def train(self, request: RetrainRequest) -> Training:
            seen.append(super().train(request))
            return seen[-1]

    result = tried(settings, versions, log, Watched(settings.state / "staging", tmp_path))

    assert (seen[0].train_rows + seen[0].holdout_rows, result.rows) == (300, 250)
    assert len(log.windows) < 4


def test_outcomes_that_fit_no_class_are_left_out(tmp_path):
    settings = project(tmp_path, frame(1_000, 2))
    log = Log(frame(500, 3))
    log.known = [(payload, replace(outcome, value="maybe") if place % 2 else outcome) for place, (payload, outcome) in enumerate(log.known)]

    assert tried(settings, champion(tmp_path, settings, frame(500, 1)), log).rows == 250


def test_a_trial_of_a_regression_is_judged_by_its_absolute_error(tmp_path):
    def numbers(seed: int, slope: float) -> pd.DataFrame:
        rows = frame(1_000, seed)
        rows["churned"] = slope * rows["score"] + np.random.default_rng(seed).normal(size=1_000) * 0.1
        return rows

    settings = project(tmp_path, numbers(2, 3.0))
    text = TOML.format(more="").replace('"logistic"', '"linear"').replace('positive = "yes"', 'task = "regression"')
    (tmp_path / "driftgate.toml").write_text(text)
    settings = load(tmp_path, {})

    result = tried(settings, champion(tmp_path, settings, numbers(1, 1.0)), Log(numbers(3, 3.0)))

    assert result.prospect is Prospect.HELPS
    assert "mae" in result.words


def test_the_same_trial_has_the_same_result(tmp_path):
    settings = project(tmp_path, frame(1_000, 2, sign=-1.0))
    versions, log = champion(tmp_path, settings, frame(1_000, 1)), Log(frame(500, 3, sign=-1.0))

    assert tried(settings, versions, log) == tried(settings, versions, log)
