"""Parts and JSON files of an object store, in DynamoDB."""

import itertools
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest
from botocore.exceptions import ClientError

from driftgate.lifecycle.errors import InvalidRequest, StoreUnavailable
from driftgate.lifecycle.payloads import Arm, Output
from driftgate.payloads.etl.discovery import Search
from driftgate.payloads.etl.dynamodb_items import ITEM_BYTES, OWN
from driftgate.payloads.etl.dynamodb_target import DynamoTarget
from driftgate.payloads.etl.found import Batch, Layout
from driftgate.payloads.etl.loading import load
from driftgate.payloads.etl.reading import read_file, read_part
from driftgate.payloads.objects import FolderStore
from driftgate.payloads.rows import encoded
from tests.builders import MODEL, NOON, a_payload
from tests.faults import Crash, Fuse
from tests.shipments import WatchedStore, ship_range

SOAK = os.environ.get("DRIFTGATE_SOAK") == "1"

tables = itertools.count(1)


@pytest.fixture
def client(aws):
    return aws("dynamodb")


@pytest.fixture
def table(client):
    name = f"payloads-{next(tables)}"
    DynamoTarget(client, name, "x").prepare(create=True)
    return name


def etl(store, client, table, layout=Layout.PARTS, *, target=None, workers=4, **options):
    target = target or DynamoTarget(client, table, "s3://logs", workers=workers, pause=lambda _: None)
    read = partial(read_part, store) if layout is Layout.PARTS else lambda found: read_file(store, found, MODEL)
    return load(Search(store, target, layout, by_time=True, **options).steps(), read, target, workers)


def payloads(client, table):
    """The payloads by id, as boto3 gives them to people: with Decimals for numbers."""
    from boto3.dynamodb.types import TypeDeserializer

    plain = TypeDeserializer()
    pages = client.get_paginator("scan").paginate(TableName=table)
    items = [{name: plain.deserialize(value) for name, value in item.items()} for page in pages for item in page["Items"]]
    return {item["prediction_id"]: item for item in items if not item["prediction_id"].startswith(OWN)}


def moments():
    """Before and after each call; not in soak, before every other."""
    for at in itertools.count(1):
        yield from ((at, before) for before in ((True, False) if SOAK else (at % 2 == 0,)))


def counted(client):
    """Counts the requests by operation from now on."""
    counts: Counter[str] = Counter()
    client.meta.events.register("before-send.*", lambda event_name, **_: counts.update([event_name.rsplit(".", 1)[-1]]))
    return counts


def test_every_payload_is_an_item_with_the_numbers_that_were_logged(tmp_path, client, table):
    store = FolderStore(tmp_path)
    odd = {
        "third": 1 / 3,
        "tenth": 0.1,
        "tiny": 5e-324,
        "huge": 1.7e308,
        "whole": 2**53 + 1,
        "wide": 10**40 + 1,
        "zero": -0.0,
        "none": None,
    }
    ship_range(
        store, [a_payload("a", features={**odd, "text": "é\ud800", "yes": True, "empty": ""}, output=Output("yes", (0.1, float("nan"))))]
    )
    ship_range(store, [a_payload("b", version=None, arm=Arm.HEURISTIC, entity_id=None, output=Output(2.5))], outbox="b" * 32)

    done = etl(store, client, table)

    assert (done.payloads, done.new, done.skipped) == (2, 2, 0)
    found = payloads(client, table)
    assert found["a"]["features"] == {
        "third": Decimal(repr(1 / 3)), "tenth": Decimal("0.1"), "tiny": "5e-324", "huge": "1.7e+308", "whole": 2**53 + 1,
        "wide": str(10**40 + 1), "zero": 0, "none": None, "text": "é?", "yes": True, "empty": "",
    }  # fmt: skip
    assert found["a"]["probabilities"] == [Decimal("0.1"), None]
    assert (found["a"]["model"], found["a"]["version"], found["a"]["arm"], found["a"]["entity_id"]) == (MODEL, 1, "champion", "c1")
    assert (found["a"]["event_time"], found["a"]["arrival_time"]) == ("2026-03-01T12:00:00+00:00", "2026-03-01T12:00:01+00:00")
    assert (found["b"]["version"], found["b"]["entity_id"], found["b"]["prediction"]) == (None, None, Decimal("2.5"))


@pytest.mark.slow
def test_a_later_run_costs_what_is_new(s3, client, table):
    ship_range(s3, [a_payload(f"p{number:04}") for number in range(1000)])
    asked = counted(client)
    etl(s3, client, table)
    first = asked.copy()
    asked.clear()
    watched = WatchedStore(s3)
    ship_range(s3, [a_payload(f"q{number:04}", event_time=NOON - timedelta(days=9)) for number in range(30)], after=1000)

    done = etl(watched, client, table)

    assert (done.objects, done.new) == (1, 30)
    assert first["BatchWriteItem"] == 40
    assert asked == {"BatchWriteItem": 2, "GetItem": 1, "PutItem": 1}
    assert len(watched.got) == 2
    assert len(payloads(client, table)) == 1030


def test_a_run_with_nothing_new_writes_nothing(tmp_path, client, table):
    store = FolderStore(tmp_path)
    ship_range(store, [a_payload()])
    etl(store, client, table)
    asked = counted(client)

    done = etl(store, client, table)

    assert (done.objects, done.new) == (0, 0)
    assert asked == {"GetItem": 1}


@pytest.mark.slow
@pytest.mark.parametrize("layout", Layout)
def test_a_run_that_dies_at_any_call_is_taken_up_by_the_next(tmp_path, client, table, layout, monkeypatch):
    monkeypatch.setattr("driftgate.payloads.etl.loading.ROWS", 2)
    monkeypatch.setattr("driftgate.payloads.etl.discovery.PAGE", 2)
    calls = ("get", "take", "marks", "failed", "batch_write_item", "put_item", "get_item")
    for at, before in moments():
        name = f"{at}-{before}"
        store, ids = FolderStore(tmp_path / name), [f"{name}-{number}" for number in range(6)]
        if layout is Layout.PARTS:
            ship_range(store, [a_payload(one, event_time=NOON + timedelta(hours=hour)) for hour, one in enumerate(ids)])
        else:
            for one in ids:
                store.put(f"{one}.json", b'{"input": {}, "output": 1}')
        fuse = Fuse(at=at, before=before)
        dying = DynamoTarget(fuse.guarding(client, calls), table, name)

        try:
            etl(fuse.guarding(store, calls), client, table, layout, target=fuse.guarding(dying, calls), workers=1)
        except Crash:
            etl(store, client, table, layout, target=DynamoTarget(client, table, name))

        assert sorted(one for one in payloads(client, table) if one.startswith(f"{name}-")) == ids
        if len(fuse.calls) < at:
            break


class Throttling:
    """The client; a table that takes one item of each batch write, and none of every third."""

    def __init__(self, client, patience=10_000):
        self.client, self.calls, self.patience = client, 0, patience

    def batch_write_item(self, RequestItems):  # noqa: N803 - boto3's name
        self.calls += 1
        ((table, requests),) = RequestItems.items()
        if self.calls % 3 == 0 or self.calls > self.patience:
            raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "slow down"}}, "BatchWriteItem")
        self.client.batch_write_item(RequestItems={table: requests[:4]})
        return {"UnprocessedItems": {table: requests[4:]} if requests[4:] else {}}

    def __getattr__(self, name):
        return getattr(self.client, name)


def test_items_that_were_not_taken_are_put_again_ever_later(tmp_path, client, table):
    store, pauses = FolderStore(tmp_path), []
    ship_range(store, [a_payload(f"p{number}") for number in range(25)])

    done = etl(store, client, table, target=DynamoTarget(Throttling(client), table, "x", pause=pauses.append))

    assert done.new == len(payloads(client, table)) == 25
    assert len(pauses) >= 9
    assert all(pause <= 10 for pause in pauses)
    assert pauses[8] > pauses[0] * 10


def test_a_table_that_goes_on_refusing_ends_the_run_before_the_watermark_moves(tmp_path, client, table):
    store = FolderStore(tmp_path)
    ship_range(store, [a_payload(f"p{number}") for number in range(25)])
    target = DynamoTarget(Throttling(client, patience=0), table, "x", pause=lambda _: None)

    with pytest.raises(StoreUnavailable, match="still refuses 25 items"):
        etl(store, client, table, target=target)

    assert DynamoTarget(client, table, "x").marks() == {}
    assert etl(store, client, table, target=DynamoTarget(client, table, "x")).new == 25


def test_an_item_that_is_too_large_or_takes_our_own_key_is_reported_and_the_others_are_put(tmp_path, client, table):
    store = FolderStore(tmp_path)
    fits, large = {"text": "x" * (ITEM_BYTES - 10_000)}, {"text": "é" * (ITEM_BYTES // 2)}
    ship_range(store, [a_payload("large", features=large), a_payload("fits", features=fits), a_payload(f"{OWN}x"), a_payload("small")])

    done = etl(store, client, table)

    assert (done.objects, done.payloads, done.new, done.skipped) == (1, 4, 2, 2)
    assert [problem.key for problem in done.problems] == ["payload large", f"payload {OWN}x"]
    assert "bytes as an item" in done.problems[0].why
    assert set(payloads(client, table)) == {"fits", "small"}


def test_an_item_that_only_dynamodb_itself_finds_invalid_costs_no_other(tmp_path, client, table):
    store = FolderStore(tmp_path)
    ship_range(store, [a_payload(f"p{number}") for number in range(30)])

    class Strict(Throttling):
        def batch_write_item(self, RequestItems):  # noqa: N803 - boto3's name
            if any(request["PutRequest"]["Item"]["prediction_id"]["S"] == "p7" for request in RequestItems[table]):
                raise ClientError({"Error": {"Code": "ValidationException", "Message": "not nice"}}, "BatchWriteItem")
            return self.client.batch_write_item(RequestItems=RequestItems)

    done = etl(store, client, table, target=DynamoTarget(Strict(client), table, "x"))

    assert (done.new, [problem.why for problem in done.problems]) == (29, ["DynamoDB refuses it: not nice"])
    assert len(payloads(client, table)) == 29


def test_an_object_that_cannot_be_read_is_remembered_and_tried_again(tmp_path, client, table):
    store = FolderStore(tmp_path)
    ship_range(store, [a_payload("good")])
    (bad,) = ship_range(store, [a_payload("bad")], after=1)
    sound = store.get(bad)
    store.put(bad, b"")

    first, second = etl(store, client, table), etl(store, client, table)
    store.put(bad, sound)
    third, fourth = etl(store, client, table), etl(store, client, table)

    assert [(done.new, done.skipped) for done in (first, second, third, fourth)] == [(1, 1), (0, 1), (1, 0), (0, 0)]


def test_too_many_objects_that_cannot_be_read_end_the_run(tmp_path, client, table, monkeypatch):
    monkeypatch.setattr("driftgate.payloads.etl.dynamodb_target.REMEMBERED", 20)
    store = FolderStore(tmp_path)
    for name in "abc":
        store.put(f"{name}-not-a-payload.json", b"[]")

    with pytest.raises(InvalidRequest, match="check --layout"):
        etl(store, client, table, Layout.JSON)


def test_files_are_told_apart_by_when_they_were_stored(tmp_path, client, table):
    store, now = FolderStore(tmp_path), [datetime.now(UTC)]

    def run():
        return etl(store, client, table, Layout.JSON, now=lambda: now[0])

    store.put("a.json", b'{"input": {"score": 0.1}, "output": {"prediction": "yes", "probability": 0.7}}')
    first = run()
    now[0] += timedelta(hours=1)
    run()
    third = run()
    now[0] = datetime.now(UTC)
    store.put("b.json", b'{"input": {}, "output": 1}')
    fourth = run()

    assert (first.new, third.new, fourth.new) == (1, 0, 0)
    assert payloads(client, table)["a"]["probabilities"][1] == Decimal("0.7")


def test_a_table_that_is_not_there_or_has_another_key_is_refused(client, table):
    with pytest.raises(InvalidRequest, match="--create-table"):
        DynamoTarget(client, "absent", "x").prepare(create=False)
    client.create_table(
        TableName=f"{table}-other",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(InvalidRequest, match="its only key"):
        DynamoTarget(client, f"{table}-other", "x").prepare(create=False)
    DynamoTarget(client, table, "x").prepare(create=False)


def test_a_dynamodb_that_does_not_answer_a_write_is_unavailable():
    import boto3
    from botocore.config import Config

    nowhere = boto3.client(
        "dynamodb", "eu-west-1", endpoint_url="http://127.0.0.1:9", aws_access_key_id="a", aws_secret_access_key="b",
        config=Config(retries={"max_attempts": 0}),
    )  # fmt: skip

    with pytest.raises(StoreUnavailable, match="DynamoDB did not answer"):
        DynamoTarget(nowhere, "payloads", "x").take(Batch(loaded={"a": [encoded(a_payload("a"))]}))
