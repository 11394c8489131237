"""Values for tests: each builder gives a complete, valid one, and takes what the test is about as keywords."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from driftgate.lifecycle.canonical import sha256
from driftgate.lifecycle.findings import Finding, Monitor, Pass
from driftgate.lifecycle.flows.promoting import PromotionRequest
from driftgate.lifecycle.gates import Evidence
from driftgate.lifecycle.ledger import Action, Kind, NewEvent
from driftgate.lifecycle.measurements import (
    Behaviour,
    ColumnDrift,
    Comparison,
    Degradation,
    DriftMeasurement,
    Performance,
    ScenarioOutcome,
    SchemaCheck,
)
from driftgate.lifecycle.measurements_former import FormerChampion
from driftgate.lifecycle.measurements_gates import (
    Cost,
    DataQuality,
    Footprint,
    Freshness,
    HoldoutCalibration,
    Measured,
    Replay,
    Segment,
    Slices,
)
from driftgate.lifecycle.measurements_live import Beyond, Calibration
from driftgate.lifecycle.measurements_shift import ColumnShift, DomainShift
from driftgate.lifecycle.messages import Notice
from driftgate.lifecycle.payloads import Arm, Outcome, Output, Payload, Window
from driftgate.lifecycle.plan import ModelPlan, Scalar, Source
from driftgate.lifecycle.ports import Evaluation, Report
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.lifecycle.triggers import Cause, Trigger
from driftgate.lifecycle.verdicts import Estimate, Verdict
from driftgate.lifecycle.versions import RetrainRequest, Snapshot, Training, Version

MODEL = "churn"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_schema(task: Task = Task.BINARY, **changes: Any) -> Schema:
    """Two features, one of each kind; target `churned`, no entity and no time."""
    classes = {Task.BINARY: ("no", "yes"), Task.MULTICLASS: ("high", "low", "mid"), Task.REGRESSION: ()}[task]
    columns = (
        Column("score", ColumnKind.NUMERIC, nullable=True, low=0.0, high=1.0),
        Column("plan", ColumnKind.CATEGORICAL, levels=("basic", "pro")),
    )
    return replace(Schema(task=task, target="churned", columns=columns, classes=classes), **changes)


def a_plan(model: str = MODEL, **changes: Any) -> ModelPlan:
    return replace(ModelPlan(model=model, source=Source(path="churn.csv"), target="churned"), **changes)


def a_retrain_request(key: str = "retrain-1", **changes: Any) -> RetrainRequest:
    return replace(RetrainRequest(key=key, plan=a_plan(), actor="ada"), **changes)


def a_training(folder: str = "staging", **changes: Any) -> Training:
    """Names a folder; nothing is written into it."""
    training = Training(
        model=MODEL,
        folder=folder,
        schema=a_schema(),
        params={"estimator": "logistic"},
        threshold=0.5,
        train_rows=750,
        holdout_rows=250,
        source="churn.csv",
    )
    return replace(training, **changes)


def a_snapshot(content: str = "rows", train_rows: int = 750, holdout_rows: int = 250) -> Snapshot:
    train, holdout = sha256([content, "train"]), sha256([content, "holdout"])
    return Snapshot(sha256([train, holdout]), train, holdout, train_rows, holdout_rows)


def a_version(number: int = 1, model: str = MODEL, **changes: Any) -> Version:
    version = Version(
        model=model,
        number=number,
        run_id=f"run-{number}",
        schema=a_schema(),
        snapshot=a_snapshot(f"{model}-{number}"),
        artifact_sha256=sha256([model, number, "artifact"]),
        flavour="sklearn",
        threshold=0.5,
        created=NOON + timedelta(hours=number),
        metrics={"log_loss": 0.4},
    )
    return replace(version, **changes)


def passing_performance(**changes: Any) -> Performance:
    performance = Performance(
        task=Task.BINARY,
        rows=1000,
        metrics={"accuracy": 0.85, "log_loss": 0.40, "roc_auc": 0.80},
        auc=Estimate(0.80, 0.77, 0.83),
        base_log_loss=0.56,
    )
    return replace(performance, **changes)


def passing_regression_performance(**changes: Any) -> Performance:
    performance = Performance(task=Task.REGRESSION, rows=1000, metrics={"mae": 2.0, "rmse": 3.0}, mae_advantage=Estimate(1.0, 0.8, 1.2))
    return replace(performance, **changes)


def passing_comparison(champion: int = 1, **changes: Any) -> Comparison:
    """The candidate's log-loss is .40 against .44, and the difference is surely below zero."""
    comparison = Comparison(
        champion=champion,
        loss="log_loss",
        rows=1000,
        excluded=0,
        candidate_loss=0.40,
        champion_loss=0.44,
        difference=Estimate(-0.04, -0.06, -0.02),
        confidence=0.95,
        units="rows",
        groups=1000,
        seed=0,
        best_of=5,
    )
    return replace(comparison, **changes)


def a_former_champion(version: int = 1, p_value: float = 1.0, **changes: Any) -> FormerChampion:
    """One that loses .44 where the candidate loses .40, surely no less."""
    difference = Estimate(-0.04, -0.06, -0.02)
    former = FormerChampion(version, 900, 100, 0.40, 0.44, 0.01, difference, Beyond(0.0044, p_value))
    return replace(former, **changes)


def a_scenario(scenario: str = "score x1.05", upper: float | None = 0.03, **changes: Any) -> ScenarioOutcome:
    """A univariate scaling by 1.05 whose growth has this upper bound."""
    outcome = ScenarioOutcome(
        scenario=scenario,
        kind="scale",
        magnitude=1.05,
        features=("score",),
        rows=1000,
        loss=0.41,
        growth=Estimate(0.02, 0.01, upper),
        lift=2.5,
    )
    return replace(outcome, **changes)


def passing_degradation(*scenarios: ScenarioOutcome, **changes: Any) -> Degradation:
    """One univariate scenario and `moderate`, both within the default limits, unless others are given."""
    moderate = a_scenario("moderate", kind="multivariate", features=("score", "plan"))
    degradation = Degradation(
        loss="log_loss",
        rows=1000,
        seed=0,
        confidence=0.95,
        base=a_scenario("base", kind="base", magnitude=1.0, features=(), growth=Estimate(0.0, 0.0, 0.0), loss=0.40),
        scenarios=scenarios or (a_scenario(), moderate),
        breaks_at={"score": None},
    )
    return replace(degradation, **changes)


def passing_behaviour(**changes: Any) -> Behaviour:
    return replace(Behaviour(collected=3, passed=3, failed=0, seconds=1.5, timed_out=False, exit_code=0), **changes)


def passing_data_quality(**changes: Any) -> DataQuality:
    quality = DataQuality(
        train_rows=3000,
        holdout_rows=1000,
        level=0.05,
        duplicates=0.01,
        overlap=0.0,
        missing=(Measured("score", "train to holdout", Estimate(0.01, -0.01, 0.03)),),
        labels=(Measured("churned = yes", "train to holdout", Estimate(0.02, -0.01, 0.05)),),
        leaks=(Measured("score", "churned", Estimate(0.7, 0.66, 0.74)),),
    )
    return replace(quality, **changes)


def a_calibration(intercept: float = 0.05, slope: float = 0.95, **changes: Any) -> Calibration:
    """Surely within any band, whatever the numbers say, unless p-values are given."""
    calibration = Calibration(
        task=Task.BINARY,
        rows=1000,
        bins=(),
        confidence=0.95,
        units="rows",
        groups=1000,
        ece=0.02,
        ece_by_chance=0.02,
        intercept=Estimate(intercept, intercept - 0.1, intercept + 0.1),
        intercept_beyond=Beyond(0.5, 1.0),
        slope=Estimate(slope, slope - 0.1, slope + 0.1),
        slope_beyond=Beyond(1.5, 1.0),
    )
    return replace(calibration, **changes)


def passing_calibration(**changes: Any) -> HoldoutCalibration:
    calibration = HoldoutCalibration(a_calibration(), intercept_limit=0.5, slope_limit=0.5, ece=Estimate(0.02, 0.0, 0.04))
    return replace(calibration, **changes)


def a_segment(name: str = "plan = pro", p_value: float | None = 1.0, **changes: Any) -> Segment:
    """In which the candidate is a little better."""
    segment = Segment(
        feature="plan",
        name=name,
        rows=300,
        units=300,
        candidate_loss=0.40,
        champion_loss=0.44,
        difference=Estimate(-0.04, -0.08, 0.0),
        beyond=None if p_value is None else Beyond(0.022, p_value),
    )
    return replace(segment, **changes)


def passing_slices(champion: int = 1, *segments: Segment, **changes: Any) -> Slices:
    slices = Slices(
        champion=champion,
        loss="log_loss",
        rows=1000,
        champion_loss=0.44,
        margin=0.05,
        line=0.022,
        confidence=0.95,
        units="rows",
        segments=segments or (a_segment(), a_segment("plan = basic")),
    )
    return replace(slices, **changes)


def a_shift(auc: Estimate | None = None, **changes: Any) -> DomainShift:
    """By default rows that can hardly be told apart."""
    shift = DomainShift(
        rows=500,
        reference_rows=4000,
        judged_rows=500,
        judged_reference_rows=2000,
        units="rows",
        auc=auc or Estimate(0.52, 0.48, 0.56),
        confidence=0.95,
        columns=(ColumnShift("score", 0.52),),
    )
    return replace(shift, **changes)


def passing_freshness(**changes: Any) -> Freshness:
    return replace(Freshness(asked=2000, rows=500, level=0.05, shift=a_shift()), **changes)


def passing_replay(**changes: Any) -> Replay:
    return replace(Replay(asked=2000, rows=500, compared=500, changed=20, moved=0.03), **changes)


def a_footprint(**changes: Any) -> Footprint:
    return replace(Footprint(p99_ms=9.0, median_ms=7.0, calls=100, artifact_mb=0.5, memory_mb=4.0), **changes)


def passing_cost(beside: int | None = 1, **changes: Any) -> Cost:
    return replace(Cost(64, a_footprint(), None if beside is None else a_footprint(), beside), **changes)


def passing_evidence(version: int = 2, champion: int | None = 1, **changes: Any) -> Evidence:
    """Evidence that the default policy passes; a comparison only where there is a champion."""
    evidence = Evidence(
        model=MODEL,
        version=version,
        champion=champion,
        schema=SchemaCheck(problems=(), changes=()),
        performance=passing_performance(),
        comparison=None if champion is None else passing_comparison(champion),
        degradation=passing_degradation(),
        behaviour=None,
        data_quality=passing_data_quality(),
        calibration=passing_calibration(),
        slices=None if champion is None else passing_slices(champion),
        freshness=passing_freshness(),
        replay=passing_replay(),
        cost=passing_cost(champion),
    )
    return replace(evidence, **changes)


def an_evaluation(**changes: Any) -> Evaluation:
    return replace(Evaluation(performance=passing_performance(), plots=("plots/roc.png",)), **changes)


def a_promotion_request(promotion_id: str = "p1", version: int = 2, expected: int | None = 1, **changes: Any) -> PromotionRequest:
    asked = PromotionRequest(id=promotion_id, model=MODEL, version=version, expected_champion=expected, actor="ada")
    return replace(asked, **changes)


def an_event(kind: Kind = Kind.REQUESTED, subject: str = "p1", body: Mapping[str, Any] | None = None, **changes: Any) -> NewEvent:
    """By default the request to promote version 1 where nothing serves; a `DECIDED` one names version 1."""
    defaults: dict[Kind, Mapping[str, Any]] = {
        Kind.REQUESTED: {"action": Action.PROMOTE.value, "version": 1, "expected_champion": None, "comment": ""},
        Kind.DECIDED: {"version": 1, "previous": None, "action": Action.PROMOTE.value},
    }
    event = NewEvent(MODEL, subject, kind, "ada", defaults.get(kind, {}) if body is None else body)
    return replace(event, **changes)


def a_payload(prediction_id: str = "a", **changes: Any) -> Payload:
    features: Mapping[str, Scalar] = {"score": 0.5, "plan": "pro"}
    payload = Payload(
        prediction_id=prediction_id,
        model=MODEL,
        version=1,
        arm=Arm.CHAMPION,
        entity_id="c1",
        features=features,
        output=Output("yes", (0.3, 0.7)),
        event_time=NOON,
        arrival_time=NOON + timedelta(seconds=1),
    )
    return replace(payload, **changes)


def an_outcome(prediction_id: str | None = "a", value: str | float = "yes", **changes: Any) -> Outcome:
    return replace(Outcome(model=MODEL, value=value, observed_at=NOON + timedelta(days=30), prediction_id=prediction_id), **changes)


def a_window(hours: float = 24, start: datetime = NOON) -> Window:
    return Window(start, start + timedelta(hours=hours))


def a_report(report_id: str = "r1", **changes: Any) -> Report:
    report = Report(
        id=report_id,
        model=MODEL,
        version=1,
        kind="drift",
        created=NOON,
        verdict="pass",
        summary={"rows": 100},
        files={"json": "drift/r1/report.json", "html": "drift/r1/report.html"},
    )
    return replace(report, **changes)


def a_column_drift(name: str = "score", *, drifted: bool = False, **changes: Any) -> ColumnDrift:
    column = ColumnDrift(
        name=name,
        method="wasserstein",
        score=0.4 if drifted else 0.02,
        p_value=0.001 if drifted else 0.6,
        limit=0.1,
        drifted=drifted,
        verdict=Verdict.FAIL if drifted else Verdict.PASS,
        rows=500,
        reference_rows=1000,
    )
    return replace(column, **changes)


def a_drift_measurement(*, drifted: bool = False, **changes: Any) -> DriftMeasurement:
    """One feature and the prediction; the feature drifted or did not."""
    measurement = DriftMeasurement(
        model=MODEL,
        version=1,
        rows=500,
        reference_rows=1000,
        level=0.05,
        verdict=Verdict.FAIL if drifted else Verdict.PASS,
        columns=(a_column_drift(drifted=drifted),),
        prediction=a_column_drift("prediction"),
    )
    return replace(measurement, **changes)


def a_finding(name: str = "score", verdict: Verdict = Verdict.FAIL, monitor: Monitor = Monitor.DATA_DRIFT, **changes: Any) -> Finding:
    """By default an alarm: a column that drifted."""
    finding = Finding(
        monitor,
        name,
        verdict,
        value=0.4,
        limit=0.1,
        p_value=0.001,
        level=0.002,
        rows=500,
        reference_rows=1000,
        reasons=("it is larger than in the snapshot",),
    )
    return replace(finding, **changes)


def a_pass(pass_id: str = "pass-1", *findings: Finding, **changes: Any) -> Pass:
    """Of version 1, at noon, over the week before."""
    found = Pass(
        id=pass_id,
        model=MODEL,
        version=1,
        at=NOON,
        window=Window(NOON - timedelta(days=7), NOON),
        judged=None,
        rows=500,
        level=0.005,
        findings=findings,
    )
    return replace(found, **changes)


def a_notice(notice_id: str = "n1", **changes: Any) -> Notice:
    """A message that is due at noon."""
    notice = Notice(notice_id, MODEL, "pass-1", "json://127.0.0.1", "churn version 1: 1 alarm: score", "It drifted.", at=NOON, due=NOON)
    return replace(notice, **changes)


def a_trigger(trigger_id: str = "t1", sequence: int = 1, *, fired: bool = False, **changes: Any) -> Trigger:
    """A consideration for data drift, held back unless it fired."""
    job = f"retrain-{trigger_id}" if fired else None
    reasons = ("data_drift: score", *(() if fired else ("held back: the cooldown",)))
    trigger = Trigger(trigger_id, MODEL, sequence, NOON, fired, (Cause.DATA_DRIFT,), reasons, 1, "pass-1", job)
    return replace(trigger, **changes)
