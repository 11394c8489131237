"""`driftgate etl`, as people call it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from driftgate.payloads.objects import FolderStore, S3Store
from driftgate.payloads.sql_log import SqlLog
from driftgate.service.cli.main import cli
from driftgate.service.database import connect
from tests.builders import MODEL, a_payload, a_window
from tests.shipments import ship_range

CONFIGURATION = f"""
[storage]
sinks = ["objects"]
hash_key = "env:ETL_HASH_KEY"

[models.{MODEL}]
source = {{ path = "churn.csv" }}
target = "churned"

[models.{MODEL}.payloads]
redact = ["name"]
hash = ["plan"]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ETL_HASH_KEY", "sixteen characters")
    (tmp_path / "driftgate.toml").write_text(CONFIGURATION, encoding="utf-8")
    return tmp_path


def run(project: Path, *words: str) -> Any:
    return CliRunner().invoke(cli, ["--project", str(project), "etl", *words])


def logged(project):
    engine = connect(f"sqlite:///{project / '.driftgate/driftgate.db'}")
    try:
        return SqlLog(engine).read(MODEL, a_window())
    finally:
        engine.dispose()


def test_the_projects_own_store_is_loaded_and_a_spoilt_part_ends_with_exit_1(project):
    store = FolderStore(project / ".driftgate/objects")
    ship_range(store, [a_payload("a"), a_payload("b")])

    first = run(project, "sql", "--json")
    (bad,) = ship_range(store, [a_payload("c")], after=2)
    store.put(bad, b"spoilt")
    second, told = run(project, "sql", "--json"), run(project, "sql")

    document = json.loads(first.stdout)
    assert (first.exit_code, second.exit_code, told.exit_code) == (0, 1, 1)
    assert (document["objects"], document["payloads"], document["new"], document["skipped"]) == (1, 2, 2, 0)
    assert [problem["key"] for problem in json.loads(second.stdout)["problems"]] == [bad]
    assert f"skipped {bad}: it is not a Parquet file" in told.stdout
    assert [one.prediction_id for one in logged(project)] == ["a", "b"]


def test_files_of_others_are_redacted_on_the_way_in(project, tmp_path):
    document = {"input": {"name": "Ada", "plan": "pro", "age": 41}, "output": "yes", "timestamp": "2026-03-01T13:00:00"}
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/a.json").write_text(json.dumps(document), encoding="utf-8")

    done = run(project, "sql", "--source", str(tmp_path / "logs"), "--layout", "json")

    (payload,) = logged(project)
    assert (done.exit_code, set(payload.features), payload.features["age"]) == (0, {"plan", "age"}, 41)
    assert str(payload.features["plan"]).startswith("hmac:")


@pytest.mark.slow
def test_a_bucket_is_loaded_into_dynamodb(project, bucket, s3: S3Store, aws, endpoint, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    ship_range(s3, [a_payload("a"), a_payload("b")])
    words = ("dynamodb", "--table", bucket, "--source", f"s3://{bucket}/logs", "--endpoint", endpoint, "--json")

    refused, first, second = run(project, *words), run(project, *words, "--create-table"), run(project, *words)

    assert refused.exit_code == 1
    assert "--create-table" in str(refused.exception)
    assert [(json.loads(done.stdout)["new"], done.exit_code) for done in (first, second)] == [(2, 0), (0, 0)]
    assert aws("dynamodb").get_item(TableName=bucket, Key={"prediction_id": {"S": "b"}})["Item"]["version"] == {"N": "1"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sql", "--athena-table", "t"), "need --discover athena"),
        (("sql", "--discover", "athena"), "needs --athena-database"),
        (("sql", "--discover", "athena", "--athena-table", "t", "--athena-database", "d", "--layout", "json"), "parts only"),
        (("sql", "--discover", "athena", "--athena-table", "t", "--athena-database", "d", "--source", "."), "Athena knows objects in S3"),
        (("sql", "--source", "gs://bucket"), "must be s3://bucket/prefix or a folder"),
        (("sql", "--source", "no-such-folder"), "is no folder"),
        (("sql", "--model", "chrn"), "chrn"),
        (("dynamodb",), "--table"),
    ],
)
def test_wrong_use_is_told(project, words, said):
    done = run(project, *words)

    assert done.exit_code != 0
    assert said in f"{done.output} {done.exception}"
