"""The trainer and the inspection on real rows: bank marketing, Telco churn and bike sharing."""

import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.plan import Estimator, ModelPlan, Source
from driftgate.lifecycle.schema import ColumnKind, Task
from driftgate.lifecycle.versions import RetrainRequest
from driftgate.training import sources
from driftgate.training.fit import LocalTrainer, prepared
from driftgate.training.inspection import inspect

DATA = Path(os.environ.get("DRIFTGATE_TEST_DATA", Path(__file__).parents[2] / ".." / "shared" / "data")).resolve()

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the real data is not in {DATA}: set DRIFTGATE_TEST_DATA")


def _read(name):
    return sources.read(Source(path=name), DATA)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank")
    lines = gzip.decompress((DATA / "bank-additional-full.csv.gz").read_bytes()).splitlines(keepends=True)
    (folder / "bank.csv").write_bytes(b"".join(lines[:14_001]))
    return folder


def _bank_plan(name, **settings):
    return ModelPlan("bank", Source(path="bank.csv"), "y", drop=("duration",), time="row_order", estimator=Estimator(name), **settings)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["logistic", "hist_gradient_boosting", "random_forest", "xgboost"])
def test_the_first_rows_of_bank_make_a_version(bank, name):
    training = LocalTrainer(bank / "staging", bank).train(RetrainRequest(key=name, plan=_bank_plan(name), actor="ann"))

    newest = pd.read_parquet(Path(training.folder) / "holdout.parquet")
    assert (training.train_rows, training.holdout_rows) == (10_500, 3_500)
    assert training.schema.classes == ("no", "yes")
    assert "duration" not in training.schema.features
    assert {warning.split("'")[1] for warning in training.warnings} == {"contact", "pdays", "previous", "poutcome"}
    assert newest["y"].tolist() == _read("bank-additional-full.csv.gz")["y"].iloc[10_500:14_000].tolist()


def test_blank_charges_of_telco_are_missing_numbers():
    found = prepared(_read("telco_customer_churn.csv.gz"), ModelPlan("telco", Source(path="d"), "Churn", entity="customerID"))

    charges = found.schema.column("TotalCharges")
    blanks = sum(part["TotalCharges"].isna().sum() for part in (found.train, found.holdout))
    assert (charges.kind, charges.nullable, blanks) == (ColumnKind.NUMERIC, True, 11)
    assert found.split.kind == "random"
    assert abs((found.holdout["Churn"] == "Yes").mean() - 0.2654) < 0.001


@pytest.mark.slow
def test_bike_is_a_regression_split_between_days():
    plan = ModelPlan("bike", Source(path="bike_sharing_hour.csv.gz"), "cnt", time="dteday", drop=("casual", "registered"))

    found = prepared(_read("bike_sharing_hour.csv.gz"), plan)

    assert found.schema.task is Task.REGRESSION
    assert "instant" not in found.schema.features
    assert found.train["dteday"].max() < found.holdout["dteday"].min()
    assert abs(len(found.holdout) / 17_379 - 0.25) < 0.002


def test_the_inspection_finds_the_traps_of_each_file():
    telco, bike = inspect(_read("telco_customer_churn.csv.gz"), "Churn"), inspect(_read("bike_sharing_hour.csv.gz"), "cnt")
    bank = inspect(_read("bank-additional-full.csv.gz"), "y")
    purchases = inspect(_read("cdnow_master.txt.gz"), "number_of_cds")

    assert (telco.task, telco.time, telco.entity, telco.leaks) == (Task.BINARY, None, "customerID", ())
    assert (bike.task, bike.time, bike.entity) == (Task.REGRESSION, "dteday", None)
    assert [leak.columns for leak in bike.leaks] == [("casual", "registered")]
    assert (bank.time, bank.entity, bank.leaks, bank.duplicate_rows) == (None, None, (), 12)
    assert max((look.score, look.name) for look in bank.columns)[1] == "duration"
    assert (purchases.time, purchases.entity) == ("date", "customer_id")


def test_the_same_file_is_prepared_the_same_twice():
    plan = ModelPlan("telco", Source(path="d"), "Churn", drop=("customerID",), seed=3)
    frame = _read("telco_customer_churn.csv.gz")

    one, two = prepared(frame, plan), prepared(frame, plan)

    pd.testing.assert_frame_equal(one.holdout, two.holdout)
    assert one.schema == two.schema
    assert not np.intersect1d(one.split.train, one.split.holdout).size
