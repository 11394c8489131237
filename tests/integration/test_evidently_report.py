"""The report that people read: Evidently's page and numbers against ours, on made rows and on real ones."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.lifecycle.verdicts import Verdict
from driftgate.reports.drift import document
from driftgate.reports.drift.evidently_report import evidently_quietly, write
from tests.real_data import real
from tests.unit.reports.drifting import SCHEMA, column, measured, outputs, rows


def conformed(frame: pd.DataFrame) -> tuple[pd.DataFrame, Schema]:
    kinds = {name: ColumnKind.NUMERIC if pd.api.types.is_numeric_dtype(frame[name]) else ColumnKind.CATEGORICAL for name in frame}
    types = {name: np.float64 if kind is ColumnKind.NUMERIC else object for name, kind in kinds.items()}
    columns = tuple(Column(str(name), kind) for name, kind in kinds.items())
    return frame.astype(types), Schema(Task.BINARY, "y", columns, ("no", "yes"))


@pytest.fixture(scope="module")
def telco() -> tuple[pd.DataFrame, Schema]:
    frame = real("telco_customer_churn.csv.gz").drop(columns=["customerID", "Churn"])
    frame["TotalCharges"] = pd.to_numeric(frame["TotalCharges"], errors="coerce")
    return conformed(frame)


@pytest.fixture(scope="module")
def bank() -> tuple[pd.DataFrame, Schema]:
    return conformed(real("bank-additional-full.csv.gz", sep=";").drop(columns=["duration", "y"]))


@pytest.fixture
def quiet() -> Iterator[None]:
    with evidently_quietly():
        yield


def shown(folder: Path) -> dict[str, float]:
    document = json.loads((folder / "drift.json").read_text())
    return {metric["config"]["column"]: metric["value"] for metric in document["evidently"]["metrics"]}


def test_the_report_shows_our_score_and_verdict_for_every_column_and_the_prediction(tmp_path):
    reference, window = rows(400, seed=1), rows(120, seed=2)
    window["age"] += 6
    holdout, now = outputs(reference[-100:]), outputs(window)
    found = measured(reference, window, SCHEMA, (holdout, now))

    files = write(found, reference, window, SCHEMA, tmp_path, holdout_outputs=holdout, current_outputs=now)

    document = json.loads((tmp_path / files["json"]).read_text())
    page = (tmp_path / files["html"]).read_text()
    every = [*found.columns, found.prediction]
    assert shown(tmp_path) == {each.name: each.score for each in every}
    assert document["measurement"] == plain(found)
    assert document["problems"] == []
    statuses = {test["name"].rsplit(" ", 1)[1]: test["status"] for test in document["evidently"]["tests"]}
    assert statuses == {each.name: "FAIL" if each.drifted else "SUCCESS" for each in every}
    assert "Drift of churn, version 1" in page
    assert "Driftgate: Wasserstein distance" in page


def test_without_html_there_is_our_measurement_and_no_page(tmp_path):
    reference, window = rows(200, seed=1), rows(60, seed=2)

    files = document.write(measured(reference, window), tmp_path / "new")

    assert dict(files) == {"json": "drift.json"}
    assert json.loads((tmp_path / "new" / "drift.json").read_text())["evidently"] is None


def test_bad_columns_cost_those_columns_and_not_the_report(tmp_path):
    reference, window = rows(200, seed=1), rows(60, seed=2)
    window = window.assign(age=np.nan, extra=1.0, plan=np.arange(60)).drop(columns="city")
    found = measured(reference, window)

    files = write(found, reference, window, SCHEMA, tmp_path)

    document = json.loads((tmp_path / files["json"]).read_text())
    assert set(shown(tmp_path)) == {"spend", "plan"}
    assert any("'age' is not in the HTML" in problem for problem in document["problems"])
    assert any("'city' is not in the HTML" in problem for problem in document["problems"])
    assert "&#x27;age&#x27; is not in the HTML" in (tmp_path / files["html"]).read_text()


def test_a_page_is_made_even_where_no_column_can_be_drawn(tmp_path):
    schema = replace(SCHEMA, columns=SCHEMA.columns[:1])
    reference, window = rows(200, seed=1)[["age"]], rows(60, seed=2)[["age"]].assign(age=np.nan)

    files = write(measured(reference, window, schema), reference, window, schema, tmp_path)

    assert "is not in the HTML" in (tmp_path / files["html"]).read_text()


def test_markup_in_a_level_or_a_column_name_never_reaches_the_page(tmp_path):
    attack = "</script><img src=x onerror=alert(1)>"
    schema = replace(SCHEMA, columns=(Column(attack, ColumnKind.CATEGORICAL),))
    reference = rows(200, seed=1)[["plan"]].rename(columns={"plan": attack})
    window = reference[:60].replace("basic", attack).astype(object)
    found = measured(reference, window, schema)

    write(found, reference, window, schema, tmp_path)

    page = (tmp_path / "drift.html").read_text()
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    assert len(shown(tmp_path)) == 1


@pytest.mark.usefixtures("quiet")
def test_our_copies_of_evidentlys_scores_are_its_own():
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    reference, window = rows(1200, seed=1), rows(300, seed=2)
    definition = DataDefinition(numerical_columns=["age", "spend"], categorical_columns=["plan", "city"])
    methods = {"age": "wasserstein", "spend": "wasserstein", "plan": "jensenshannon", "city": "jensenshannon"}
    sides = [Dataset.from_pandas(side, data_definition=definition) for side in (window, reference)]

    result = Report([ValueDrift(column=name, method=method) for name, method in methods.items()]).run(*sides).dict()

    theirs = {metric["config"]["column"]: float(metric["value"]) for metric in result["metrics"]}
    ours = {each.name: each.evidently_score for each in measured(reference, window).columns}
    assert ours == pytest.approx(theirs, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_halves_of_telco_do_not_drift(telco, seed):
    frame, schema = telco
    order = np.random.default_rng(seed).permutation(len(frame))
    half = len(frame) // 2

    found = measured(frame.iloc[order[:half]], frame.iloc[order[half:]], schema, seed=seed)

    assert found.verdict is Verdict.PASS
    assert found.drifted == ()


@pytest.mark.slow
def test_later_bank_rows_drift_from_the_first_14000(bank):
    frame, schema = bank

    found = measured(frame.iloc[:14_000], frame.iloc[30_000:34_000], schema)

    assert found.verdict is Verdict.FAIL
    assert {"euribor3m", "emp.var.rate", "nr.employed", "poutcome", "previous"} <= set(found.drifted)


@pytest.mark.slow
def test_windows_of_the_same_rows_raise_no_more_alarms_than_designed(telco):
    frame, schema = telco
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng((5, seed))
        reference, window = (frame.iloc[rng.integers(0, len(frame), count)] for count in (1500, 60))
        alarms += bool(measured(reference, window, schema, seed=seed).drifted)

    # 5 % of 20 is 1; 5 or more has a chance below 0.3 %.
    assert alarms < 5


@pytest.mark.slow
def test_a_report_of_a_window_without_any_distribution_shows_no_number_that_was_not_measured(tmp_path, telco):
    frame, schema = telco
    window = frame.iloc[:40]
    found = measured(frame.iloc[1000:1400], window, schema)

    write(found, frame.iloc[1000:1400], window, schema, tmp_path)

    assert found.verdict is Verdict.UNDECIDED
    assert all(column(found, name).score == score for name, score in shown(tmp_path).items())
