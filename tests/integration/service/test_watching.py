"""A whole look at a window, over real measurements: what was planted is found, and what is broken costs no more than itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import DigestMismatch
from driftgate.lifecycle.findings import Finding, Monitor
from driftgate.lifecycle.judging import expected_loss
from driftgate.lifecycle.payloads import Output, Payload, Window
from driftgate.lifecycle.ports import Scorer
from driftgate.lifecycle.ports_watching import Watched
from driftgate.lifecycle.verdicts import Verdict
from driftgate.lifecycle.versions import Version
from driftgate.service.monitoring.watching import PayloadWatch
from driftgate.service.settings import load
from tests.builders import NOON, a_payload, a_schema, a_version, an_outcome
from tests.fakes import FakeExaminer, FakeLedger
from tests.unit.service.monitoring.test_gathering import JoinedLog

pytestmark = pytest.mark.slow

ROWS = 400
WINDOW = Window(NOON - timedelta(days=7), NOON)
SETTINGS = """
[models.churn]
target = "churned"
source = {path = "churn.csv"}

[models.churn.outcomes]
maturity_days = 0.001

[models.churn.monitoring]
html = "HTML"
off = OFF
"""
QUICK = '["domain_shift", "concept_shift"]'


def frame(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score, plan = rng.random(rows), rng.choice(["basic", "pro"], rows)
    churned = np.where(rng.random(rows) < 0.2 + 0.6 * score, "yes", "no")
    return pd.DataFrame({"score": score, "plan": plan.astype(object), "churned": churned.astype(object)})


class Told(Scorer):
    """Says what is true of `frame`."""

    schema = a_schema()

    def score(self, rows: Any) -> Any:
        chance = 0.2 + 0.6 * np.clip(rows["score"].fillna(0.5).to_numpy(dtype=float), 0, 1)
        return np.column_stack([1 - chance, chance])

    def score_rows(self, rows: Sequence[Any]) -> Any:
        return self.score(pd.DataFrame(list(rows)))


@dataclass
class Shelf:
    """Snapshots of one version; what is in `gone` was changed."""

    gone: set[str] = field(default_factory=set)
    file: Path | None = None

    def scorer(self, _: Version) -> Scorer:
        return self._whole("artifact", Told())

    def snapshot(self, _: Version, part: str) -> pd.DataFrame:
        return self._whole("snapshot", frame(1_500 if part == "train" else 500, 1 if part == "train" else 2))

    def profile(self, _: Version) -> Path | None:
        return self.file

    def keep_profile(self, _: Version, file: Path) -> Path:
        self.file = file.rename(file.parent.parent / "kept.parquet")
        return self.file

    def _whole(self, what: str, value: Any) -> Any:
        if what in self.gone:
            raise DigestMismatch(f"the {what} is not the one registered")
        return value


@dataclass
class Scene:
    """A model's log and shelf, and the watch over them."""

    folder: Path
    shelf: Shelf = field(default_factory=Shelf)
    log: JoinedLog = field(default_factory=JoinedLog)
    off: str = QUICK
    html: str = "never"

    def answered(self, rows: pd.DataFrame, *, version: int = 1, tag: str = "a") -> list[Payload]:
        spoken = Told().score(
            rows.assign(score=pd.to_numeric(rows["score"], errors="coerce")) if "score" in rows else rows.assign(score=0.5)
        )
        features = rows.drop(columns=["churned"]).to_dict("records")
        payloads = [
            a_payload(
                f"{tag}{place}",
                version=version,
                entity_id=None,
                features={name: None if pd.isna(value) else value for name, value in given.items()},
                output=Output("yes" if said[1] >= 0.5 else "no", tuple(map(float, said))),
                event_time=NOON - timedelta(days=1, minutes=place),
                arrival_time=NOON - timedelta(days=1, minutes=place),
            )
            for place, (given, said) in enumerate(zip(features, spoken, strict=True))
        ]
        self.log.append(payloads)
        self.log.ship()
        return payloads

    def look(self) -> Watched:
        settings = SETTINGS.replace("OFF", self.off).replace("HTML", self.html)
        (self.folder / "driftgate.toml").write_text(settings, encoding="utf-8")
        watch = PayloadWatch(load(self.folder, {}), self.shelf, self.log, FakeExaminer(), FakeLedger())
        return watch.look(a_version(), "pass-1", NOON, WINDOW, 0.05)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def of(seen: Watched, monitor: Monitor) -> dict[str, Finding]:
    return {finding.name: finding for finding in seen.findings if finding.monitor is monitor}


def test_traffic_like_the_snapshot_alarms_nobody_and_is_judged_throughout(scene: Scene) -> None:
    payloads = scene.answered(rows := frame(ROWS, 3))
    scene.log.record([an_outcome(each.prediction_id, told) for each, told in zip(payloads, rows["churned"], strict=True)])

    seen = scene.look()

    assert [finding.subject for finding in seen.findings if finding.alarms] == []
    assert (seen.problems, seen.rows) == ((), ROWS)
    assert {monitor for monitor in Monitor if of(seen, monitor)} == {
        Monitor.TRAFFIC, Monitor.INPUTS, Monitor.OUTPUTS, Monitor.DATA_DRIFT, Monitor.PREDICTION_DRIFT, Monitor.PERFORMANCE,
        Monitor.EXPECTED_PERFORMANCE, Monitor.CALIBRATION,
    }  # fmt: skip
    assert of(seen, Monitor.PERFORMANCE)["loss_growth"].verdict is Verdict.PASS


def test_a_planted_shift_alarms_with_both_readings(scene: Scene) -> None:
    rows = frame(ROWS, 3)
    scene.answered(rows.assign(score=rows["score"] * 0.4 + 0.6))

    seen = scene.look()

    alarm = of(seen, Monitor.DATA_DRIFT)["score"]
    assert alarm.alarms
    prediction = of(seen, Monitor.PREDICTION_DRIFT)["prediction"]
    assert prediction.alarms
    for found in (alarm, prediction):
        assert [reading.assumption.value for reading in found.readings] == ["corrupt", "moved"]
    assert not of(seen, Monitor.DATA_DRIFT)["plan"].alarms
    assert of(seen, Monitor.EXPECTED_PERFORMANCE)[expected_loss.NAME].readings


def test_the_same_window_is_seen_the_same_twice(scene: Scene) -> None:
    scene.answered(frame(ROWS, 3))

    assert scene.look() == scene.look()


def test_no_payloads_leave_one_question_open_and_nothing_else(scene: Scene) -> None:
    seen = scene.look()

    assert [(finding.subject, finding.verdict) for finding in seen.findings] == [
        ("traffic/requests", Verdict.UNDECIDED),
        ("traffic/clocks", Verdict.PASS),
    ]


def test_one_payload_decides_nothing(scene: Scene) -> None:
    scene.off = "[]"
    scene.answered(frame(1, 3))

    seen = scene.look()

    sampled = [finding for finding in seen.findings if finding.monitor not in (Monitor.TRAFFIC, Monitor.INPUTS)]
    assert {finding.verdict for finding in sampled} == {Verdict.UNDECIDED}
    assert seen.problems == ()


def test_a_lost_and_a_retyped_column_are_findings_of_their_own(scene: Scene) -> None:
    rows = frame(ROWS, 3)
    scene.answered(rows.assign(score=rows["score"].map(lambda value: f"about {value:.2f}"), campaign="spring").drop(columns=["plan"]))

    found = of(scene.look(), Monitor.INPUTS)

    assert {name for name, finding in found.items() if finding.alarms} == {"lost_columns", "retyped_values"}
    assert "campaign" in found["new_columns"].reasons[0]


@pytest.mark.parametrize(("gone", "costs"), [("snapshot", Monitor.OUTPUTS), ("artifact", Monitor.OUTPUTS)])
def test_what_is_gone_costs_what_needs_it_and_the_rest_goes_on(scene: Scene, gone: str, costs: Monitor) -> None:
    scene.answered(frame(ROWS, 3))
    scene.look()
    scene.shelf.gone.add(gone)

    seen = scene.look()

    assert of(seen, Monitor.DATA_DRIFT)["score"].verdict is Verdict.PASS
    assert of(seen, costs)["measurement"].verdict is Verdict.UNDECIDED
    assert any(f"the {gone} is not the one registered" in problem for problem in seen.problems)


def test_a_snapshot_that_is_gone_before_it_was_profiled_is_said_and_traffic_is_still_watched(scene: Scene) -> None:
    scene.answered(frame(ROWS, 3))
    scene.shelf.gone.add("snapshot")

    seen = scene.look()

    assert "not the one registered" in of(seen, Monitor.DATA_DRIFT)["measurement"].reasons[0]
    assert of(seen, Monitor.TRAFFIC)["requests"].verdict is Verdict.PASS


def test_another_versions_answers_count_as_inputs_and_not_as_outputs(scene: Scene) -> None:
    scene.answered(frame(ROWS, 3))
    other = frame(ROWS, 4)
    scene.answered(other.assign(score=other["score"] * 0.3), version=2, tag="b")

    seen = scene.look()

    assert of(seen, Monitor.DATA_DRIFT)["score"].rows == 2 * ROWS
    assert of(seen, Monitor.PREDICTION_DRIFT)["prediction"].rows == ROWS
    assert not of(seen, Monitor.PREDICTION_DRIFT)["prediction"].alarms


def test_outcomes_of_a_third_class_are_counted_and_left_out(scene: Scene) -> None:
    payloads = scene.answered(rows := frame(ROWS, 3))
    told = ["maybe" if place % 10 == 0 else label for place, label in enumerate(rows["churned"])]
    scene.log.record([an_outcome(each.prediction_id, label) for each, label in zip(payloads, told, strict=True)])

    found = of(scene.look(), Monitor.PERFORMANCE)

    assert found["outcomes"].alarms
    assert found["outcomes"].value == pytest.approx(0.1)
    assert found["loss_growth"].rows == ROWS - ROWS // 10


def test_repeated_outcomes_count_once(scene: Scene) -> None:
    payloads = scene.answered(rows := frame(ROWS, 3))
    outcomes = [an_outcome(each.prediction_id, label) for each, label in zip(payloads, rows["churned"], strict=True)]
    scene.log.record([*outcomes, *(replace(each, observed_at=each.observed_at + timedelta(hours=1)) for each in outcomes)])

    assert of(scene.look(), Monitor.PERFORMANCE)["loss_growth"].rows == ROWS


def test_the_page_is_drawn_where_something_alarms(scene: Scene) -> None:
    rows = frame(ROWS, 3)
    scene.answered(rows.assign(score=rows["score"] * 0.4 + 0.6))
    scene.html = "alarm"

    seen = scene.look()

    assert seen.folder is not None
    assert "<!doctype html>" in (Path(seen.folder) / seen.files["html"]).read_text(encoding="utf-8").lower()
