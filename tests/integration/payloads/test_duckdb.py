"""The object folder, read by DuckDB as it is."""

from datetime import date, timedelta

import duckdb
import pytest

from driftgate.payloads.objects import FolderStore
from driftgate.payloads.outbox import Outbox
from driftgate.payloads.shipper import Shipper
from tests.builders import NOON, a_payload

ODD = "k=1/ü & 'x' 50%"


@pytest.fixture
def objects(tmp_path) -> str:
    outbox = Outbox(tmp_path / "outbox.db", ("objects",))
    shipper = Shipper(outbox, None, FolderStore(tmp_path / "objects"), sinks=("objects",))
    for number in range(30):
        at = NOON + timedelta(minutes=20 * number)
        outbox.append(
            [a_payload(f"p{number}", event_time=at, model=ODD if number % 3 == 0 else "churn", version=None if number % 5 else 1)]
        )
        shipper.ship()
    outbox.close()
    return f"{tmp_path}/objects/payloads/**/*.parquet"


def ask(objects: str, query: str) -> list[tuple]:
    return duckdb.sql(query.format(f"read_parquet('{objects}', hive_partitioning=true)")).fetchall()


def test_every_payload_is_counted_once(objects):
    assert ask(objects, "SELECT count(*), count(DISTINCT prediction_id) FROM {}") == [(30, 30)]


def test_model_date_and_hour_are_columns_also_of_a_model_with_an_odd_name(objects):
    found = ask(objects, "SELECT model, date, hour::INTEGER, count(*) FROM {} GROUP BY ALL ORDER BY ALL LIMIT 3")

    assert found == [("churn", date(2026, 3, 1), hour, 2) for hour in (12, 13, 14)]
    assert ask(objects, "SELECT DISTINCT model FROM {} ORDER BY model") == [("churn",), (ODD,)]


def test_features_are_read_from_json_and_times_are_instants(objects):
    columns = "features->>'plan', (features->>'score')::DOUBLE, event_time = TIMESTAMPTZ '2026-03-01 12:00:00+00'"

    assert ask(objects, f"SELECT {columns} FROM {{}} WHERE prediction_id = 'p0'") == [("pro", 0.5, True)]
