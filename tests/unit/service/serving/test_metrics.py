import math
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from driftgate.lifecycle.payloads import Arm, Output
from driftgate.lifecycle.schema import Column, ColumnKind, Schema
from driftgate.service.serving.metrics import SHARED_FOLDER, Limits, Metrics, forget_dead_processes
from tests.builders import MODEL, a_payload, a_schema


@dataclass(frozen=True)
class Waiting:
    payloads: int = 3
    seconds: float = 1.5


@dataclass
class Outbox:
    """An outbox of which three payloads wait for SQL."""

    sinks: tuple[str, ...] = ("sql",)
    passed: int = 0

    def backlog(self) -> int:
        return 3

    def age(self) -> float:
        return 1.5

    def lag(self, sink: str) -> Waiting:
        assert sink == "sql"
        return Waiting()

    def refused(self, sink: str) -> int:
        return len(sink)

    def unlogged(self) -> int:
        return self.passed


def ranged() -> Schema:
    return replace(
        a_schema(),
        columns=(Column("score", ColumnKind.NUMERIC, low=0.0, high=1.0), Column("plan", ColumnKind.CATEGORICAL, levels=("basic", "pro"))),
    )


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """The sample of that name and labels; 0 where there is none."""
    page = metrics.render().decode()
    found = [
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return sum(found)


def counting(**limits: float) -> Metrics:
    return Metrics(lambda _: ranged(), {MODEL: Limits(**limits)})


def test_payloads_are_counted_by_arm_and_version() -> None:
    metrics = counting()

    metrics.logged([a_payload("a"), a_payload("b"), a_payload("c", arm=Arm.HEURISTIC, version=None)])

    assert value(metrics, "driftgate_predictions_total", arm="champion") == 2
    assert value(metrics, "driftgate_predictions_total", arm="heuristic", version="none") == 1


def test_values_outside_the_snapshot_are_counted_by_feature() -> None:
    metrics = counting()
    features = [
        {"score": 1.0, "plan": "pro"},
        {"score": 1.01, "plan": "gold"},
        {"score": -1, "plan": None},
        {"score": None, "plan": "basic"},
    ]

    metrics.logged([a_payload(str(n), features=each) for n, each in enumerate(features)])

    assert value(metrics, "driftgate_out_of_range_total", feature="score") == 2
    assert value(metrics, "driftgate_unseen_categories_total", feature="plan") == 1


def test_nothing_is_said_of_features_that_are_hidden() -> None:
    metrics = Metrics(lambda _: ranged(), {MODEL: Limits(hidden=("plan",))})

    metrics.logged([a_payload("a", features={"score": 0.5, "plan": "hmac:00"})])

    assert value(metrics, "driftgate_unseen_categories_total") == 0


def test_unsure_and_empty_outputs_are_counted() -> None:
    metrics = counting(low_confidence=0.6)
    outputs = [Output("yes", (0.41, 0.59)), Output("yes", (0.4, 0.6)), Output(math.nan), Output(3.5)]

    metrics.logged([a_payload(str(n), output=each) for n, each in enumerate(outputs)])

    assert value(metrics, "driftgate_low_confidence_outputs_total") == 1
    assert value(metrics, "driftgate_null_outputs_total") == 1


def test_a_new_champions_schema_is_the_one_held_against() -> None:
    schemas = [ranged(), replace(ranged(), columns=(Column("score", ColumnKind.NUMERIC, low=0.0, high=9.0),))]
    metrics = Metrics(lambda _: schemas[0], {})
    metrics.logged([a_payload("a", features={"score": 5.0})])

    schemas.pop(0)
    metrics.logged([a_payload("b", features={"score": 5.0})])

    assert value(metrics, "driftgate_out_of_range_total", feature="score") == 1


def test_the_outbox_is_asked_when_the_page_is_made() -> None:
    outbox = Outbox()
    metrics = Metrics(lambda _: None, {}, outbox)
    outbox.passed = 2
    metrics.logged([])

    assert value(metrics, "driftgate_outbox_payloads") == 3
    assert value(metrics, "driftgate_outbox_age_seconds") == 1.5
    assert value(metrics, "driftgate_sink_lag_payloads", sink="sql") == 3
    assert value(metrics, "driftgate_sink_refused_payloads", sink="sql") == 3
    assert value(metrics, "driftgate_unlogged_predictions_total") == 2


def test_what_serves_and_what_is_wrong_with_it_is_shown() -> None:
    metrics = counting()

    metrics.serving({"churn": 4, "other": None}, {"other": "no such version"})

    assert value(metrics, "driftgate_serving_version", model="churn") == 4
    assert value(metrics, "driftgate_serving_problem", model="other") == 1
    assert value(metrics, "driftgate_serving_problem", model="churn") == 0


def test_what_a_dead_process_said_of_the_present_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    for name in (f"gauge_livesum_{dead.pid}.db", f"gauge_livesum_{os.getpid()}.db", f"counter_{dead.pid}.db"):
        (tmp_path / name).touch()
    monkeypatch.setenv(SHARED_FOLDER, str(tmp_path))

    forget_dead_processes()

    assert {file.name for file in tmp_path.iterdir()} == {f"gauge_livesum_{os.getpid()}.db", f"counter_{dead.pid}.db"}
