"""A week of traffic on the bank data, answered by a real service, and looked at from the object folder alone."""

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import httpx
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select

from driftgate.payloads.tables import payloads
from driftgate.service.database import connect
from tests.e2e.projects import told
from tests.e2e.test_real_data import BANK
from tests.e2e.traffic import arrived, serving, times, until
from tests.real_data import data

pytestmark = pytest.mark.slow

MONDAY = pd.Timestamp("2026-03-02", tz="UTC")
BUSY = np.array([1, 1, 1, 1, 1, 2, 4, 8, 12, 16, 18, 18, 16, 14, 16, 16, 14, 12, 10, 8, 6, 4, 2, 1])
"""How busy each hour of a day is: a call centre works by day."""

WEEKEND = 0.4
CALLERS = 16


@dataclass(frozen=True)
class Week:
    """A project that served: the rows of its week, each with the champion's live answer, and what loading them said."""

    project: Path
    rows: pd.DataFrame
    features: Sequence[str]
    loaded: dict[str, Any]

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """DuckDB's answer, out of the folder alone; PARTS in the text stands for the parts."""
        source = f"read_parquet('{self.project}/.driftgate/objects/payloads/**/*.parquet', hive_partitioning = true)"
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(text.replace("PARTS", source)).fetchall()

    def hourly(self) -> dict[tuple[str, int], int]:
        """How many rows fell into each date and hour."""
        return counted(self.rows["event_time"])


def counted(instants: pd.Series) -> dict[tuple[str, int], int]:
    sizes = instants.groupby([instants.dt.strftime("%Y-%m-%d"), instants.dt.hour.rename("hour")]).size()
    return {(str(date), int(hour)): int(count) for (date, hour), count in sizes.items()}


def instants(count: int) -> pd.Series:
    """So many instants of one week, in no order, to the microsecond; the edges of the week and of an hour are among them."""
    rng = np.random.default_rng(0)
    weights = np.concatenate([BUSY * (WEEKEND if day >= 5 else 1.0) for day in range(7)])
    hours = rng.choice(len(weights), size=count, p=weights / weights.sum())
    micros = pd.Series(hours * 3_600_000_000 + rng.integers(0, 3_600_000_000, count))
    micros[:4] = [0, 7 * 86_400_000_000 - 1, 3_599_999_999, 3_600_000_000]
    return MONDAY + pd.to_timedelta(micros, unit="us")


def ask(url: str, requests: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The predictions for the instances of the requests, asked by several callers at once, in order."""
    with httpx.Client(base_url=url, timeout=60) as client, ThreadPoolExecutor(CALLERS) as callers:

        def one(instances: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
            answer = client.post("/v1/models/bank/predict", json={"instances": instances})
            assert answer.status_code == 200, answer.text
            found: list[dict[str, Any]] = answer.json()["predictions"]
            return found

        return [prediction for answered in callers.map(one, requests) for prediction in answered]


def in_requests(rows: pd.DataFrame, features: Sequence[str]) -> list[list[dict[str, Any]]]:
    """The rows as requests of one to eight instances."""
    records = rows[list(features)].to_dict("records")
    instances = [
        {"features": record, "entity_id": entity, "prediction_id": f"live-{entity}"}
        for record, entity in zip(records, rows["entity_id"], strict=True)
    ]
    sizes = np.random.default_rng(1).integers(1, 9, len(instances))
    cuts = [0, *(int(cut) for cut in np.cumsum(sizes) if cut < len(instances)), len(instances)]
    return [instances[start:end] for start, end in pairwise(cuts)]


def waiting(url: str) -> float:
    """The payloads that some sink has not taken, as the service tells Prometheus."""
    found = re.search(r"^driftgate_outbox_payloads (\S+)$", httpx.get(f"{url}/metrics", timeout=30).text, re.MULTILINE)
    assert found is not None
    return float(found[1])


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Week:
    project = tmp_path_factory.mktemp("week")
    bank = pd.read_csv(data("bank-additional-full.csv.gz"), sep=";")
    bank[:14_000].to_csv(project / "first.csv", index=False, sep=";")
    (project / "driftgate.toml").write_text(BANK)
    told(project, "retrain")
    assert told(project, "promote", "1")["state"] == "promoted"
    count = times(2_000, len(bank))
    rows = bank.iloc[-count:].reset_index(drop=True)
    rows = rows.assign(entity_id=[f"c{number}" for number in range(count)], event_time=instants(count))

    with serving(project) as running:
        schema = httpx.get(f"{running.url}/v1/models/bank/versions/1").json()["schema"]
        features = [column["name"] for column in schema["columns"]]
        answers = ask(running.url, in_requests(rows, features))
        rows = rows.assign(
            prediction_id=[f"week-{entity}" for entity in rows["entity_id"]],
            prediction=[answer["prediction"] for answer in answers],
            probability=[answer["probability"] for answer in answers],
        )
        rows.assign(event_time=rows["event_time"].map(pd.Timestamp.isoformat)).to_csv(project / "week.csv", index=False)
        # The service and its shipping process run on: a bulk load is traffic beside theirs.
        unused = [option for name in bank.columns.difference([*features, "y"]) for option in ("--drop", name)]
        loaded = told(project, "payloads", "load", "week.csv", "--version", "1", *unused, timeout=900)
        until(lambda: waiting(running.url) == 0, "all of it shipped", times(120, 900))
    return Week(project, rows, features, loaded)


def test_all_of_the_week_and_all_live_answers_are_in_both_sinks_once(week: Week) -> None:
    expected = sorted([*week.rows["prediction_id"], *(f"live-{entity}" for entity in week.rows["entity_id"])])

    in_sql, in_parts = arrived(week.project)

    assert (week.loaded["loaded"], week.loaded["known"], week.loaded["warnings"]) == (len(week.rows), 0, [])
    assert in_sql == expected
    assert in_parts == expected


def test_duckdb_counts_each_date_and_hour_as_it_was_sent(week: Week) -> None:
    found = week.query(
        """SELECT date::VARCHAR, hour::INTEGER, count(*) FROM PARTS
           WHERE model = 'bank' AND date BETWEEN '2026-03-02' AND '2026-03-08' GROUP BY ALL"""
    )
    misplaced = week.query("SELECT count(*) FROM PARTS WHERE strftime(event_time, '%Y-%m-%d %H') != date || ' ' || hour")

    assert {(date, hour): count for date, hour, count in found} == week.hourly()
    assert len({date for date, _, _ in found}) == 7
    assert misplaced == [(0,)]


def test_sql_counts_each_date_and_hour_like_the_folder(week: Week) -> None:
    engine = connect(f"sqlite:///{week.project / '.driftgate' / 'driftgate.db'}")
    with engine.connect() as connection:
        found = connection.execute(select(payloads.c.event_time).where(payloads.c.prediction_id.like("week-%"))).scalars().all()
    engine.dispose()

    assert counted(pd.Series(pd.to_datetime(list(found), utc=True))) == week.hourly()


def test_duckdb_reads_features_and_outputs_out_of_their_json(week: Week) -> None:
    daily = week.query(
        """SELECT date::VARCHAR, avg(json_extract(features, '$.euribor3m')::DOUBLE),
             avg(json_extract(features, '$."emp.var.rate"')::DOUBLE),
             avg(json_extract(output, '$.probabilities[1]')::DOUBLE), count(*) FILTER (json_extract_string(output, '$.prediction') = 'yes')
           FROM PARTS WHERE prediction_id LIKE 'week-%' GROUP BY ALL ORDER BY ALL"""
    )
    names = week.query("SELECT DISTINCT json_keys(features) FROM PARTS")

    by_day = week.rows.groupby(week.rows["event_time"].dt.strftime("%Y-%m-%d"))
    means = by_day[["euribor3m", "emp.var.rate", "probability"]].mean()
    positive = (week.rows["prediction"] == "yes").groupby(week.rows["event_time"].dt.strftime("%Y-%m-%d")).sum()
    assert [day for day, *_ in daily] == list(means.index)
    np.testing.assert_allclose([row[1:4] for row in daily], means.to_numpy(), rtol=1e-12)
    assert [row[4] for row in daily] == positive.to_list()
    assert {frozenset(keys) for (keys,) in names} == {frozenset(week.features)}


def test_a_live_answer_and_its_replay_hold_the_same_features_and_output(week: Week) -> None:
    pairs = week.query(
        """SELECT live.features, replayed.features, live.output, replayed.output FROM PARTS live JOIN PARTS replayed
           ON live.prediction_id = 'live-' || live.entity_id AND replayed.prediction_id = 'week-' || live.entity_id"""
    )

    assert len(pairs) == len(week.rows)
    for live, replayed, answered, loaded in pairs:
        assert json.loads(live) == json.loads(replayed)
        assert json.loads(answered)["prediction"] == json.loads(loaded)["prediction"]
        assert json.loads(answered)["probabilities"][1] == json.loads(loaded)["probabilities"][1]


def test_a_query_for_one_day_opens_the_files_of_that_day_only(week: Week) -> None:
    folder = week.project / ".driftgate" / "objects" / "payloads"
    of_day, every = len(list(folder.glob("model=bank/date=2026-03-04/hour=*/*.parquet"))), len(list(folder.rglob("*.parquet")))
    day = "model = 'bank' AND date = '2026-03-04'"

    plan = week.query(f"EXPLAIN SELECT count(json_extract(features, '$.age')) FROM PARTS WHERE {day}")[0][1]
    other = week.query("EXPLAIN SELECT count(json_extract(features, '$.age')) FROM PARTS WHERE model = 'another'")[0][1]
    counted_rows = week.query(f"SELECT count(*), count(DISTINCT filename) FROM PARTS WHERE {day}")

    assert 0 < of_day < every / 5
    assert re.search(rf"Files:\s*{of_day}/{every}\b", plan), plan
    assert not re.search(rf"\b{every}/{every}\b", other), other
    assert counted_rows == [(sum(count for (date, _), count in week.hourly().items() if date == "2026-03-04"), of_day)]
