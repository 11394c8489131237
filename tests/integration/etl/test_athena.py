"""Discovery by Athena: moto answers over HTTP; what moto cannot do (fail, page, hang) a client in front of it does."""

import json
import urllib.request
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from driftgate.lifecycle.errors import InvalidRequest, StoreUnavailable
from driftgate.payloads.etl.athena import AthenaSearch, Query
from driftgate.payloads.etl.loading import load
from driftgate.payloads.etl.reading import read_part
from driftgate.payloads.etl.sql_target import SqlTarget
from tests.builders import NOON, a_payload
from tests.shipments import ship_range

QUERY = Query("lake", "payloads", output="s3://results/athena")


class Answering:
    """The client, some of whose operations answer otherwise; what was asked is kept."""

    def __init__(self, client: Any = None, **answers: Any) -> None:
        self.client, self.answers, self.asked = client, answers, []

    def __getattr__(self, name: str) -> Any:
        def call(**options: Any) -> Any:
            self.asked.append((name, options))
            if name not in self.answers:
                return getattr(self.client, name)(**options)
            answer = self.answers[name]
            return answer.pop(0) if len(answer) > 1 else answer[0]

        return call


def status(state, reason=None):
    return {"QueryExecution": {"Status": {"State": state, **({} if reason is None else {"StateChangeReason": reason})}}}


def rows(*paths):
    return {"ResultSet": {"Rows": [{"Data": [{"VarCharValue": path}]} for path in paths]}}


STARTED = {"start_query_execution": [{"QueryExecutionId": "q1"}], "stop_query_execution": [{}]}


def search(client, engine, root="s3://lake", **options):
    pauses: list[float] = []
    target = SqlTarget(engine, root, "athena")
    found = AthenaSearch(client, QUERY, root, target, pause=pauses.append, **options)
    return found, target, pauses


def keys(found):
    return [step.key for step in found.steps() if hasattr(step, "key")]


@pytest.mark.slow
def test_the_objects_that_a_query_names_are_loaded_and_not_again(s3, bucket, aws, endpoint, sqlite):
    shipped = ship_range(s3, [a_payload(f"p{hour}", event_time=NOON + timedelta(hours=hour)) for hour in range(3)])
    root = f"s3://{bucket}/logs"

    def run(paths):
        body = {"results": [{"rows": rows("$path", *(f"{root}/{key}" for key in paths))["ResultSet"]["Rows"], "column_info": []}]}
        address = f"{endpoint}/moto-api/static/athena/query-results"
        urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})).close()
        found, target, _ = search(aws("athena"), sqlite, root)
        return load(found.steps(), partial(read_part, s3), target, 2)

    first, second = run(shipped[:2]), run(shipped)

    assert (first.new, second.objects, second.new) == (2, 1, 1)


def test_the_first_query_asks_for_everything_and_the_next_for_what_was_stored_since(sqlite):
    client = Answering(**STARTED, get_query_execution=[status("SUCCEEDED")], get_query_results=[rows("$path")])
    for now in (NOON, NOON + timedelta(hours=1)):
        found, target, _ = search(client, sqlite, model="o'neil/x", now=lambda now=now: now)
        load(found.steps(), lambda _: None, target, 1)

    first, second = (asked["QueryString"] for name, asked in client.asked if name == "start_query_execution")

    assert first == """SELECT DISTINCT "$path" FROM "lake"."payloads" WHERE model IN ('o''neil/x', 'o%27neil%2Fx') ORDER BY 1"""
    assert """AND "$file_modified_time" >= from_iso8601_timestamp('2026-03-01T11:45:00Z')""" in second
    assert client.asked[0][1]["ResultConfiguration"] == {"OutputLocation": "s3://results/athena"}


def test_results_are_read_page_by_page(sqlite):
    pages = [{**rows("$path", "s3://lake/a.parquet"), "NextToken": "t"}, rows("s3://lake/b.parquet")]
    client = Answering(**STARTED, get_query_execution=[status("SUCCEEDED")], get_query_results=pages)

    found, _, _ = search(client, sqlite)

    assert keys(found) == ["a.parquet", "b.parquet"]
    assert client.asked[-1][1] == {"QueryExecutionId": "q1", "NextToken": "t"}


def test_polls_come_ever_later_and_never_in_step(sqlite):
    states = [*[status("QUEUED")] * 4, *[status("RUNNING")] * 8, status("SUCCEEDED")]
    client = Answering(**STARTED, get_query_execution=states, get_query_results=[rows()])

    found, _, pauses = search(client, sqlite)
    keys(found)

    assert len(pauses) == 12
    assert 0.5 <= pauses[0] <= 0.75
    assert 10.0 <= pauses[-1] <= 15.0
    assert len(set(pauses)) == 12


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_a_query_that_fails_ends_the_run_with_its_reason(sqlite, state):
    client = Answering(**STARTED, get_query_execution=[status("RUNNING"), status(state, "TABLE_NOT_FOUND: no such table")])

    found, target, _ = search(client, sqlite)

    with pytest.raises(StoreUnavailable, match=f"q1 is {state}: TABLE_NOT_FOUND"):
        keys(found)
    assert target.marks() == {}


def test_a_query_past_its_deadline_is_stopped(sqlite):
    client, times = Answering(**STARTED, get_query_execution=[status("RUNNING")]), iter([0.0, 500.0, 901.0])

    found, _, _ = search(client, sqlite, clock=lambda: next(times))

    with pytest.raises(StoreUnavailable, match="still RUNNING after 900 seconds"):
        keys(found)
    assert client.asked[-1] == ("stop_query_execution", {"QueryExecutionId": "q1"})


def test_a_table_over_another_place_is_refused(sqlite):
    client = Answering(**STARTED, get_query_execution=[status("SUCCEEDED")], get_query_results=[rows("$path", "s3://elsewhere/a.parquet")])

    found, _, _ = search(client, sqlite)

    with pytest.raises(InvalidRequest, match=r"s3://elsewhere/a\.parquet"):
        keys(found)


@pytest.mark.usefixtures("aws")
def test_an_athena_that_does_not_answer_is_unavailable(sqlite):
    import boto3
    from botocore.config import Config

    client = boto3.client("athena", endpoint_url="http://127.0.0.1:9", config=Config(retries={"max_attempts": 0}))

    found, _, _ = search(client, sqlite)

    with pytest.raises(StoreUnavailable, match="Athena did not answer"):
        keys(found)
