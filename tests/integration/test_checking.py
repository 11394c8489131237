import sqlite3
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftgate.service.checking import CheckItem, Status, check, check_folder
from driftgate.service.settings import load

MODEL = """
[models.churn]
source = {{ path = "churn.csv" }}
target = "churned"
{more}
"""


@pytest.fixture
def project(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    score = rng.normal(size=1200)
    plan = rng.choice(["basic", "pro"], 1200)
    churned = np.where(score + rng.normal(size=1200) > 0, "yes", "no")
    pd.DataFrame({"score": score, "plan": plan, "churned": churned}).to_csv(tmp_path / "churn.csv", index=False)
    return tmp_path


@pytest.fixture
def checked(project):
    def with_lines(more: str = "") -> dict[str, CheckItem]:
        (project / "driftgate.toml").write_text(MODEL.format(more=more), encoding="utf-8")
        items = check_folder(project)
        worst = sorted(items, key=lambda item: item.status is Status.ERROR)
        return {item.key: item for item in worst}

    return with_lines


def test_a_sound_project_has_no_error_and_nothing_is_created(checked, project):
    items = checked()

    assert {item.status for item in items.values()} == {Status.OK}
    assert "900 rows to train on, 300 to judge by" in items["models.churn"].message
    assert "storage.workflows" in items
    assert sorted(path.name for path in project.iterdir()) == ["churn.csv", "driftgate.toml"]


def test_errors_of_the_file_are_items_by_key(checked):
    items = checked("holdout = 2\ntagret = 1")

    assert {key: item.status for key, item in items.items()} == {
        "models.churn.holdout": Status.ERROR,
        "models.churn.tagret": Status.ERROR,
    }


def test_a_missing_file_is_an_item(tmp_path):
    (item,) = check_folder(tmp_path)

    assert (item.key, item.status) == ("driftgate.toml", Status.ERROR)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("source = { path = 'nowhere.csv' }\ntarget = 'churned'", "source"),
        ("source = { url = 'env:DRIFTGATE_NOT_SET', query = 'q' }\ntarget = 'churned'", "source.url"),
        ("source = { path = 'churn.csv' }\ntarget = 'chruned'", "target"),
        ("source = { path = 'churn.csv' }\ntarget = 'churned'\ntime = 'month'", "time"),
        ("source = { path = 'churn.csv' }\ntarget = 'churned'\npositive = 'maybe'", "positive"),
    ],
)
def test_data_that_the_plan_cannot_use_is_an_error_of_its_key(project, text, key):
    (project / "driftgate.toml").write_text(f"[models.churn]\n{text}\n")

    errors = [item for item in check_folder(project) if item.status is Status.ERROR]

    assert [item.key for item in errors] == [f"models.churn.{key}"]


def test_a_factory_that_is_not_there_is_an_error_of_the_estimator(checked):
    items = checked('estimator = { name = "nowhere.models:build" }')

    assert items["models.churn.estimator.name"].status is Status.ERROR
    assert "nowhere" not in sys.modules


def test_too_few_holdout_rows_for_the_gates_are_a_warning(checked):
    assert checked("gates = { minimum_rows = 301 }")["models.churn.gates.minimum_rows"].status is Status.WARN


def test_user_tests_must_exist_below_the_project_and_hold_tests(checked, project):
    (project / "empty").mkdir()
    (project / "gate").mkdir()
    (project / "gate" / "test_it.py").write_text("")

    items = checked('gates = { tests = ["gate", "nowhere.py", "../", "empty"] }')

    statuses = [items[f"models.churn.gates.tests[{place}]"].status for place in (1, 2, 3, 4)]
    assert statuses == [Status.OK, Status.ERROR, Status.ERROR, Status.WARN]


def test_a_store_that_does_not_answer_is_an_error_without_its_password(checked, monkeypatch):
    monkeypatch.setenv("DB", "postgresql://u:hunter2@127.0.0.1:1/d")

    items = checked('[storage]\ndatabase = "env:DB"\nmlflow = "http://127.0.0.1:1"')

    assert items["storage.database"].status is Status.ERROR
    assert items["storage.mlflow"].status is Status.ERROR
    assert "hunter2" not in items["storage.database"].message


def test_a_file_that_is_no_database_and_a_place_that_is_no_folder_are_errors(checked, project):
    (project / "text.db").write_text("not a database, but a text that is long enough to be looked at" * 40)
    (project / "file").write_text("")

    items = checked('[storage]\ndatabase = "sqlite:///text.db"\nobjects = "file"\noutbox = "file/outbox.db"')

    assert [items[f"storage.{key}"].status for key in ("database", "objects", "outbox")] == [Status.ERROR] * 3


def test_an_existing_database_opens(checked, project):
    connection = sqlite3.connect(project / "here.db")
    connection.execute("CREATE TABLE t (x)")
    connection.close()

    assert checked('[storage]\ndatabase = "sqlite:///here.db"')["storage.database"].message.endswith("opens")


@pytest.mark.parametrize(
    ("schedule", "told"), [("", ["triggers.on and triggers.new_labels can"]), ('[models.churn.monitoring]\nschedule = "0 6 * * *"', [])]
)
def test_triggers_that_wait_for_passes_which_no_clock_starts_are_told(checked, schedule, told):
    items = checked(f'[models.churn.triggers]\non = ["performance"]\nnew_labels = 100\n{schedule}')

    notes = [item for key, item in items.items() if key == "models.churn.monitoring.schedule"]

    assert [item.status for item in notes] == [Status.WARN] * len(told)
    assert all(words in item.message for words, item in zip(told, notes, strict=True))


@pytest.mark.parametrize(
    ("database", "said"), [("mysql://u@127.0.0.1:1/d", "DBOS has no MySQL"), ("postgresql://u@127.0.0.1:1/d", "use Postgres")]
)
def test_workflows_in_sqlite_beside_a_server_are_told_to_be_one_worker(project, database, said):
    (project / "driftgate.toml").write_text(MODEL.format(more=f'[storage]\ndatabase = "{database}"'))

    notes = [item for item in check(load(project)) if item.key == "storage.workflows" and item.status is Status.WARN]

    assert [said in note.message for note in notes] == [True]
