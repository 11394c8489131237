"""`payloads` and `outcomes` on the command line, over a real project on SQLite."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.payloads import Arm, Window
from driftgate.payloads.objects import FolderStore
from driftgate.payloads.parts import contents
from driftgate.payloads.sql_log import SqlLog
from driftgate.registry.binding import Bindings
from driftgate.service.cli.main import cli
from driftgate.service.database import connect, upgrade
from tests.builders import NOON, a_schema, a_version

SETTINGS = """
[models.churn]
target = "churned"
task = "binary"
entity = "client"
source = {path = "churn.csv"}

[models.churn.outcomes]
match_days = 10

[models.house]
target = "price"
task = "regression"
source = {path = "house.csv"}

[models.house.payloads]
keep_days = 30
redact = ["street"]
"""
AROUND = Window(NOON - timedelta(days=400), NOON + timedelta(days=400))
PAYLOADS = """prediction_id,entity_id,event_time,prediction,probability,version,score,plan,code
a,c1,2026-03-01T12:00:00Z,yes,0.75,1,0.5,pro,007
b,c2,2026-03-01 12:30:00,no,0.25,,,free,12
"""

Told = Callable[..., dict[str, Any]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DRIFTGATE_URL", raising=False)
    (tmp_path / "driftgate.toml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def engine(project: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{project / '.driftgate/driftgate.db'}")
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def log(engine: Engine) -> SqlLog:
    return SqlLog(engine)


@pytest.fixture
def run(project: Path) -> Callable[..., Result]:
    def call(*arguments: object, **options: Any) -> Result:
        return CliRunner().invoke(cli, ["--project", str(project), *map(str, arguments)], **options)

    return call


@pytest.fixture
def told(run: Callable[..., Result]) -> Told:
    def call(*arguments: object, model: str = "churn") -> dict[str, Any]:
        result = run(*arguments, "--model", model, "--json")
        if result.exception is not None:
            raise result.exception
        return json.loads(result.stdout)

    return call


def file(project: Path, content: str | pd.DataFrame, name: str = "file.csv") -> Path:
    path = project / name
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        content.to_parquet(path)
    return path


# Outcomes


def test_outcomes_are_loaded_once(project, told, log):
    path = file(project, "prediction_id,value,observed_at\na,yes,2026-03-02T00:00:00Z\nb,no,2026-03-02\n")

    first, again = told("outcomes", "load", path), told("outcomes", "load", path)

    assert (first["rows"], first["recorded"], first["corrected"], first["skipped"]) == (2, 2, 0, 0)
    assert (again["recorded"], again["repeated"]) == (0, 2)
    ((_, outcome, _),) = [(r.revision, r.outcome, r.recorded_at) for r in log.history("churn", "b")]
    assert (outcome.value, outcome.observed_at) == ("no", datetime(2026, 3, 2, tzinfo=UTC))


def test_a_file_corrects_an_earlier_one_which_does_not_correct_it_back(project, told, log):
    old = file(project, "prediction_id,value,observed_at\na,yes,2026-03-02\n", "old.csv")
    new = file(project, "prediction_id,value,observed_at\na,no,2026-03-02\n", "new.csv")

    answers = [told("outcomes", "load", path) for path in (old, new, old)]

    assert [answer["corrected"] for answer in answers] == [0, 1, 0]
    assert [told.outcome.value for told in log.history("churn", "a")] == ["yes", "no"]


def test_columns_are_named_and_an_hour_is_in_the_zone_that_is_said(project, told, log):
    path = file(project, "id;truth;seen\na;yes;2026-03-01T12:00:00\n")

    told("outcomes", "load", path, "--prediction-id", "id", "--value", "truth", "--observed-at", "seen", "--timezone", "Europe/Zurich")

    (told_of_a,) = log.history("churn", "a")
    assert told_of_a.outcome.observed_at == datetime(2026, 3, 1, 11, tzinfo=UTC)


def test_the_model_s_own_column_names_are_understood(project, told):
    path = file(
        project, pd.DataFrame({"client": [7, 8], "churned": ["yes", "no"], "observed_at": pd.to_datetime(["2026-03-05"] * 2)}), "o.pq"
    )

    assert told("outcomes", "load", path)["recorded"] == 2
    assert told("outcomes", "load", path)["repeated"] == 2


def test_a_bad_row_keeps_the_whole_file_out_unless_bad_rows_are_skipped(project, told, log):
    lines = ["prediction_id,value,observed_at", "a,yes,2026-03-02", "b,,2026-03-02", "c,no,soon", ",yes,2026-03-02", "e,yes,2026-03-02"]
    path = file(project, "\n".join(lines))

    with pytest.raises(InvalidData, match="3 of 5 rows") as refused:
        told("outcomes", "load", path)
    nothing = list(log.history("churn", "a"))
    answer = told("outcomes", "load", path, "--skip-bad")

    assert nothing == []
    assert "row 2: value is empty" in refused.value.message
    assert (answer["recorded"], answer["skipped"]) == (2, 3)
    assert [(fault["row"], fault["column"]) for fault in answer["faults"]] == [(2, "value"), (3, "observed_at"), (4, "prediction_id")]


def test_the_truth_of_a_regression_is_a_number(project, told, log):
    path = file(project, "prediction_id,value,observed_at\na,12,2026-03-02\nb,much,2026-03-02\n")

    answer = told("outcomes", "load", path, "--skip-bad", model="house")

    assert [fault["column"] for fault in answer["faults"]] == ["value"]
    assert [told.outcome.value for told in log.history("house", "a")] == [12.0]


@pytest.mark.parametrize("header", ["value,observed_at", "prediction_id,observed_at", "prediction_id,value"])
def test_a_file_without_a_column_that_is_needed_is_refused(project, told, header):
    path = file(project, f"{header}\n" + ",".join(["2026-03-02"] * len(header.split(","))) + "\n")

    with pytest.raises(InvalidData, match="name"):
        told("outcomes", "load", path)


def test_a_zone_that_does_not_exist_is_wrong_usage(project, run):
    result = run("outcomes", "load", file(project, "x\n1\n"), "--timezone", "Mars/Olympus", "--model", "churn")

    assert result.exit_code == 2


# Payloads


def test_payloads_of_another_service_are_logged_in_both_sinks(project, told, log):
    answer = told("payloads", "load", file(project, PAYLOADS), "--version", 3)

    found = {payload.prediction_id: payload for payload in log.read("churn", AROUND)}
    store = FolderStore(project / ".driftgate/objects")
    kept = [payload for key in store.listed("payloads/") for payload in contents(key, store.get(key))]
    assert (answer["rows"], answer["loaded"], answer["known"], answer["warnings"], answer["unshipped"]) == (2, 2, 0, [], None)
    assert dict(found["a"].features) == {"score": 0.5, "plan": "pro", "code": "007"}
    assert dict(found["b"].features) == {"score": None, "plan": "free", "code": 12}
    assert (found["a"].version, found["b"].version, found["a"].arm) == (1, 3, Arm.CHAMPION)
    assert (found["a"].output.prediction, found["a"].output.probabilities) == ("yes", (0.25, 0.75))
    assert found["b"].event_time == NOON + timedelta(minutes=30)
    assert sorted(kept, key=lambda payload: payload.prediction_id) == list(found.values())


def test_payloads_are_loaded_once_also_without_ids(project, told, log):
    path = file(project, "\n".join(line.partition(",")[2] for line in PAYLOADS.splitlines()))

    first, again = (told("payloads", "load", path, "--version", 1) for _ in range(2))

    store = FolderStore(project / ".driftgate/objects")
    assert (first["loaded"], again["loaded"], again["known"]) == (2, 0, 2)
    assert len(log.read("churn", AROUND)) == 2
    assert len([payload for key in store.listed("payloads/") for payload in contents(key, store.get(key))]) == 2


def test_the_version_s_schema_says_what_is_a_number_and_what_does_not_fit(project, told, log, engine):
    Bindings(engine).keep(a_version(1, schema=a_schema()), "key")
    path = file(project, PAYLOADS.replace("0.5,pro,007", "much,12,007"))

    answer = told("payloads", "load", path, "--version", 1)

    found = {payload.prediction_id: payload for payload in log.read("churn", AROUND)}
    assert dict(found["a"].features) == {"score": "much", "plan": "12", "code": "007"}
    assert any(warning.startswith("score: 1 values are no numbers") for warning in answer["warnings"])
    assert any(warning.startswith("code: the version does not know") for warning in answer["warnings"])


def test_payloads_that_belong_to_no_version_are_loaded_with_a_warning(project, told):
    path = file(project, "event_time,prediction,score\n2026-03-01,yes,1\n")

    answer = told("payloads", "load", path)

    assert answer["loaded"] == 1
    assert "name one with --version" in answer["warnings"][0]


@pytest.mark.parametrize(("cell", "wrong", "column"), [
    ("0.75", "1.5", "probability"), ("0.75", "", "probability"), ("yes,", ",", "prediction"), ("1,0.5", "x,0.5", "version"),
    ("2026-03-01T12:00:00Z", "", "event_time"), ("a,c1", f"{'x' * 256},c1", "prediction_id"),
])  # fmt: skip
def test_a_payload_that_cannot_be_logged_is_named_by_row_and_column(project, told, cell, wrong, column):
    path = file(project, PAYLOADS.replace(cell, wrong, 1))

    answer = told("payloads", "load", path, "--skip-bad", "--version", 1)

    assert (answer["loaded"], answer["skipped"]) == (1, 1)
    assert [(fault["row"], fault["column"]) for fault in answer["faults"]] == [(1, column)]


def test_columns_that_are_no_features_are_left_out_and_redacted_ones_too(project, told, log):
    path = file(project, "event_time,prediction,price,street,note,size\n2026-03-01,1.5,2,Main St,hi,80\n")

    told("payloads", "load", path, "--version", 1, "--drop", "note", model="house")

    (payload,) = log.read("house", AROUND)
    assert dict(payload.features) == {"size": 80}
    assert payload.output.prediction == 1.5


def test_a_parquet_file_keeps_its_types(project, told, log):
    frame = pd.DataFrame({
        "event_time": pd.to_datetime(["2026-03-01T12:00:00Z"]), "prediction": ["yes"], "entity_id": [41],
        "score": [0.5], "big": pd.array([2**60], dtype="Int64"), "flag": [True], "none": [None], "code": ["007"],
    })  # fmt: skip

    told("payloads", "load", file(project, frame, "p.parquet"), "--version", 1)

    (payload,) = log.read("churn", AROUND)
    assert dict(payload.features) == {"score": 0.5, "big": 2**60, "flag": True, "none": None, "code": "007"}
    assert (payload.entity_id, payload.event_time) == ("41", NOON)


# Expiring and forgetting


def test_what_is_older_than_its_model_keeps_it_expires(project, told, log):
    now = datetime.now(UTC)
    rows = "".join(f"{(now - timedelta(days=days)).isoformat()},1.5\n" for days in (29, 31, 90))
    told("payloads", "load", file(project, f"event_time,prediction\n{rows}"), "--version", 1, model="house")

    dry, done = told("payloads", "expire", "--dry-run", model="house"), told("payloads", "expire", model="house")

    (counts,) = done["models"]
    assert dry["models"][0]["payloads"] == counts["payloads"] == 2
    assert (counts["keep_days"], counts["parts"]) == (30, 2)
    assert len(log.read("house", Window(now - timedelta(days=100), now))) == 1


def test_every_model_expires_as_it_is_told_and_none_without_being_told(run):
    answer = json.loads(run("payloads", "expire", "--json").stdout)

    assert [(model["model"], model["keep_days"]) for model in answer["models"]] == [("churn", None), ("house", 30)]


def test_an_entity_is_forgotten_in_every_model(project, told, run, log):
    told("payloads", "load", file(project, PAYLOADS), "--version", 1)
    told("payloads", "load", file(project, "event_time,prediction,entity_id\n2026-03-01,1.5,c1\n"), "--version", 1, model="house")
    told("outcomes", "load", file(project, "prediction_id,value,observed_at\na,yes,2026-03-02\n"))

    answer = json.loads(run("payloads", "forget", "c1", "--yes", "--json").stdout)

    assert answer["models"] == [
        {"model": "churn", "payloads": 1, "outcomes": 1, "objects": 1, "parts": 1, "outbox": 1},
        {"model": "house", "payloads": 1, "outcomes": 0, "objects": 1, "parts": 1, "outbox": 1},
    ]
    assert [payload.prediction_id for payload in log.read("churn", AROUND)] == ["b"]
    assert list(log.read("house", AROUND)) == []


def test_nothing_is_forgotten_without_a_yes(project, told, run, log):
    told("payloads", "load", file(project, PAYLOADS), "--version", 1)

    refused = run("payloads", "forget", "c1", input="n\n")

    assert refused.exit_code == 1
    assert len(log.read("churn", AROUND)) == 2
