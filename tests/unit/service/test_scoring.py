import csv
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.arms import Split
from driftgate.lifecycle.errors import InvalidData, InvalidRequest, NoChampion, StoreUnavailable
from driftgate.lifecycle.flows.predicting import Lineup
from driftgate.lifecycle.ledger import Kind
from driftgate.lifecycle.payloads import Arm, Payload
from driftgate.lifecycle.plan import Source
from driftgate.lifecycle.schema import Column, ColumnKind, Task
from driftgate.payloads.outbox import Outbox
from driftgate.registry.frames import frame_of
from driftgate.service.heuristic import load_heuristic
from driftgate.service.scoring import Batch, lineup, score
from driftgate.service.scoring_rows import Roles
from driftgate.service.serving.follower import Arrangement
from driftgate.service.serving.loaded import LoadedVersion
from driftgate.service.settings_traffic import HeuristicTable
from tests.builders import MODEL, a_schema, a_version, an_event
from tests.fakes import FakePayloadLog, FakeScorer, a_ledger_of


class ByScore:
    """Gives each row its `score` as the positive class's probability."""

    def score(self, frame: Any) -> Any:
        positive = frame["score"].fillna(0.5).to_numpy()
        return np.column_stack([1 - positive, positive])

    def score_rows(self, rows: Any) -> Any:
        return self.score(frame_of(rows, SCHEMA))


SCHEMA = a_schema(entity="client")
CHAMPION = LoadedVersion(a_version(1, schema=SCHEMA), ByScore())
ALONE = Lineup(CHAMPION, Split("s"))


def clients(rows: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"client": [f"c{row}" for row in range(rows)], "score": [row / rows for row in range(rows)], "plan": "pro", "churned": "no"}
    )


def batch(folder: Path, frame: pd.DataFrame | str, out: str = "out.csv", chunk: int = 4, **roles: str) -> Batch:
    if isinstance(frame, str):
        (folder / "rows.csv").write_text(frame, encoding="utf-8")
    else:
        frame.to_csv(folder / "rows.csv", index=False)
    return Batch(MODEL, Source(path="rows.csv"), folder, folder / out, Roles(**roles), chunk)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_is_scored_logged_and_written_in_order(tmp_path: Path) -> None:
    log, heard = FakePayloadLog(), []

    document = score(batch(tmp_path, clients(10)), ALONE, log, heard.append)

    written = rows_of(tmp_path / "out.csv")
    assert list(written[0]) == ["prediction_id", "entity_id", "arm", "version", "prediction", "probability", "row"]
    assert [row["entity_id"] for row in written] == [f"c{row}" for row in range(10)]
    assert [float(row["probability"]) for row in written] == pytest.approx([row / 10 for row in range(10)])
    assert [row["prediction"] for row in written] == ["no"] * 5 + ["yes"] * 5
    assert [row["row"] for row in written] == [str(row) for row in range(1, 11)]
    assert {key: document[key] for key in ("model", "rows", "scored", "rejected", "versions", "arms")} == {
        "model": MODEL, "rows": 10, "scored": 10, "rejected": 0, "versions": [1], "arms": {"champion": 10},
    }  # fmt: skip
    assert heard == [4, 4, 2]
    assert sorted(log.shipped) == sorted(row["prediction_id"] for row in written)
    assert names(tmp_path) == ["out.csv", "rows.csv"]


def test_a_parquet_output_holds_the_same_as_a_csv_one(tmp_path: Path) -> None:
    score(batch(tmp_path, clients(9)), ALONE, FakePayloadLog())
    score(batch(tmp_path, clients(9), "out.parquet"), ALONE, FakePayloadLog())

    text, typed = pd.read_csv(tmp_path / "out.csv"), pd.read_parquet(tmp_path / "out.parquet")

    assert (typed["version"].dtype, typed["probability"].dtype) == (np.dtype("int64"), np.dtype("float64"))
    pd.testing.assert_frame_equal(text, typed, check_dtype=False)


def test_a_multiclass_model_gives_a_probability_per_class_and_a_regression_none(tmp_path: Path) -> None:
    many, number = a_schema(Task.MULTICLASS), a_schema(Task.REGRESSION)

    for schema, answer, out in ((many, [0.2, 0.5, 0.3], "many.csv"), (number, 3.5, "number.csv")):
        served = LoadedVersion(a_version(schema=schema, threshold=None), FakeScorer(schema, answer))
        score(batch(tmp_path, clients(1), out), Lineup(served, Split("s")), FakePayloadLog())

    (first,), (second,) = rows_of(tmp_path / "many.csv"), rows_of(tmp_path / "number.csv")
    assert [first[f"probability_{label}"] for label in many.classes] == ["0.2", "0.5", "0.3"]
    assert (second["prediction"], [key for key in second if key.startswith("probability")]) == ("3.5", [])


def test_rows_that_cannot_be_scored_stand_apart_with_their_reason(tmp_path: Path) -> None:
    text = "client,score,plan\na,0.1,pro\nb,much,pro\nc,inf,pro\nd,0.2,\ne,,pro\n" + "f" * 256 + ",0.3,pro\ng,0.9,pro\n"

    document = score(batch(tmp_path, text, chunk=3), ALONE, FakePayloadLog())

    assert (document["rows"], document["scored"], document["rejected"]) == (7, 3, 4)
    assert [row["entity_id"] for row in rows_of(tmp_path / "out.csv")] == ["a", "e", "g"]
    rejected = {row["row"]: row["reason"] for row in rows_of(tmp_path / "out.csv.rejected.csv")}
    assert list(rejected) == ["2", "3", "4", "6"]
    assert rejected["2"] == "score must be a finite number, not 'much'"
    assert rejected["4"] == "plan is null, and the training data never missed it"


def test_without_rejected_rows_the_file_of_an_earlier_run_goes(tmp_path: Path) -> None:
    score(batch(tmp_path, "score,plan\nmuch,pro\n"), ALONE, FakePayloadLog())
    before = (tmp_path / "out.csv.rejected.csv").exists()

    document = score(batch(tmp_path, clients(2)), ALONE, FakePayloadLog())

    assert before
    assert document["rejected_out"] is None
    assert not (tmp_path / "out.csv.rejected.csv").exists()


def test_a_repeat_gives_the_same_ids_whatever_the_chunks_and_logs_nothing_twice(tmp_path: Path) -> None:
    log = FakePayloadLog()

    score(batch(tmp_path, clients(10), "first.csv"), ALONE, log)
    score(batch(tmp_path, clients(10), "second.csv", chunk=3), ALONE, log)

    assert rows_of(tmp_path / "first.csv") == rows_of(tmp_path / "second.csv")
    assert len(log.shipped) == 10


def test_other_rows_and_another_version_get_ids_of_their_own(tmp_path: Path) -> None:
    log = FakePayloadLog()
    newer = Lineup(LoadedVersion(a_version(2, schema=SCHEMA), ByScore()), Split("s"))

    score(batch(tmp_path, clients(10)), ALONE, log)
    score(batch(tmp_path, clients(11)), ALONE, log)
    score(batch(tmp_path, clients(10)), newer, log)

    assert len(log.shipped) == 31


def test_the_id_column_names_the_predictions_and_must_name_each(tmp_path: Path) -> None:
    log = FakePayloadLog()
    text = "order,score,plan\n17,0.1,pro\n,0.2,pro\n19,0.3,pro\n"

    document = score(batch(tmp_path, text, id="order"), ALONE, log)

    assert sorted(log.shipped) == ["17", "19"]
    assert document["rejected"] == 1
    assert "order is missing" in rows_of(tmp_path / "out.csv.rejected.csv")[0]["reason"]


@pytest.mark.parametrize(("text", "roles", "named"), [("plan\npro\n", {"entity": "who"}, "who"), ("score\n0.1\n", {}, "plan")])
def test_a_column_that_every_row_needs_is_asked_for_before_anything_is_logged(
    text: str, roles: dict[str, str], named: str, tmp_path: Path
) -> None:
    log = FakePayloadLog()

    with pytest.raises(InvalidData, match=f"no column '{named}'"):
        score(batch(tmp_path, text, **roles), ALONE, log)

    assert log.shipped == {}
    assert names(tmp_path) == ["rows.csv"]


def test_a_column_that_may_be_missing_may_be_absent(tmp_path: Path) -> None:
    document = score(batch(tmp_path, "plan,further\npro,1\n"), ALONE, FakePayloadLog())

    assert (document["scored"], document["rejected"]) == (1, 0)


def test_entities_fall_into_the_arms_and_keep_them(tmp_path: Path) -> None:
    wider = replace(SCHEMA, columns=(*SCHEMA.columns, Column("visits", ColumnKind.NUMERIC)))
    challenger = LoadedVersion(a_version(2, schema=wider), ByScore())
    heuristic = load_heuristic(HeuristicTable(constant="no"), tmp_path, SCHEMA)
    split = Split("s", challenger=0.3, heuristic=0.3)

    document = score(
        batch(tmp_path, clients(200).assign(visits=[""] + ["1"] * 199), chunk=64),
        Lineup(CHAMPION, split, challenger, heuristic),
        FakePayloadLog(),
    )

    written = rows_of(tmp_path / "out.csv")
    assert {row["arm"] for row in written} == {"champion", "challenger", "heuristic"}
    assert all(row["arm"] == split.arm(row["entity_id"]) for row in written[1:])
    assert {(row["arm"], row["version"]) for row in written} == {("champion", "1"), ("challenger", "2"), ("heuristic", "")}
    assert {row["probability"] for row in written if row["arm"] == "heuristic"} == {""}
    assert document["versions"] == [1, 2]


class DyingLog(FakePayloadLog):
    """Takes so many appends, and no more."""

    takes = 2

    def append(self, payloads: Sequence[Payload]) -> Sequence[Payload]:
        self.takes -= 1
        if self.takes < 0:
            raise StoreUnavailable("the outbox is full")
        return super().append(payloads)


def test_what_cannot_be_logged_is_not_written(tmp_path: Path) -> None:
    log = DyingLog()
    (tmp_path / "out.csv").write_text("an earlier one")

    with pytest.raises(StoreUnavailable):
        score(batch(tmp_path, clients(10)), ALONE, log)

    assert len(log.shipped) == 8
    assert (tmp_path / "out.csv").read_text() == "an earlier one"
    assert names(tmp_path) == ["out.csv", "rows.csv"]


def test_the_repeat_after_a_crash_logs_the_rest_once(tmp_path: Path) -> None:
    log = DyingLog()
    with pytest.raises(StoreUnavailable):
        score(batch(tmp_path, clients(10)), ALONE, log)
    log.takes = 99

    document = score(batch(tmp_path, clients(10)), ALONE, log)

    assert (document["scored"], len(log.shipped)) == (10, 10)


def test_each_chunk_is_in_the_durable_outbox_before_its_rows_are_written(tmp_path: Path) -> None:
    seen = []

    class Watched(FakePayloadLog):
        outbox = Outbox(tmp_path / "outbox.db", ("sql",))

        def append(self, payloads: Sequence[Payload]) -> Sequence[Payload]:
            drafts = [path for path in tmp_path.iterdir() if path.name == ".out.csv.part"]
            # The file is buffered: what is not in it yet was certainly not written before.
            seen.append((self.outbox.head(), sum(len(path.read_text().splitlines()) for path in drafts)))
            return self.outbox.append(payloads)

    log = Watched()
    try:
        score(batch(tmp_path, clients(10)), ALONE, log)

        assert log.outbox.head() == 10
        assert all(lines <= logged + 1 for logged, lines in seen)
    finally:
        log.outbox.close()


def test_a_sink_that_is_down_is_told_and_stops_nothing(tmp_path: Path) -> None:
    class Unshipped(FakePayloadLog):
        def ship(self) -> int:
            raise StoreUnavailable("the database does not answer")

    document = score(batch(tmp_path, clients(10)), ALONE, Unshipped())

    assert (document["scored"], document["unshipped"]) == (10, "the database does not answer")


@pytest.mark.parametrize("out", ["out.txt", "nowhere/out.csv", "rows.csv"])
def test_an_output_that_cannot_be_is_refused_before_anything_is_logged(out: str, tmp_path: Path) -> None:
    log = FakePayloadLog()

    with pytest.raises(InvalidRequest) as raised:
        score(batch(tmp_path, clients(2), out), ALONE, log)

    assert raised.value.field == "out"
    assert (log.waiting, log.shipped) == ({}, {})


def test_the_rows_of_a_query_are_scored_and_changed_ones_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection, log = sqlite3.connect(tmp_path / "rows.db"), FakePayloadLog()
    clients(10).to_sql("clients", connection, index=False)
    monkeypatch.setenv("CLIENTS", "sqlite:///rows.db")
    asked = Batch(MODEL, Source(url="env:CLIENTS", query="SELECT * FROM clients ORDER BY client"), tmp_path, tmp_path / "out.csv", chunk=4)

    score(asked, ALONE, log)
    score(asked, ALONE, log)
    with connection:
        connection.execute("UPDATE clients SET score = 0.95 WHERE client = 'c3'")
    connection.close()
    score(asked, ALONE, log)

    assert len(log.shipped) == 11
    assert [row["prediction"] for row in rows_of(tmp_path / "out.csv") if row["entity_id"] == "c3"] == ["yes"]


class Source1:
    """Versions 1 and 2, loaded at once."""

    def version(self, model: str, number: int) -> Any:
        return a_version(number, model, schema=SCHEMA)

    def scorer(self, version: Any) -> Any:
        assert version.schema == SCHEMA
        return ByScore()


def test_the_lineup_is_what_the_ledger_names(tmp_path: Path) -> None:
    rule = load_heuristic(HeuristicTable(constant="no"), tmp_path, SCHEMA)
    arrangement = Arrangement(Split("s"), lambda _schema: rule)
    challenged = an_event(Kind.CHALLENGED, "c1", {"version": 2, "shadow_only": False})
    shadowed = an_event(Kind.CHALLENGED, "c2", {"version": 2, "shadow_only": True})
    ledger = a_ledger_of(an_event(Kind.DECIDED), challenged)

    found = lineup(MODEL, arrangement, ledger, Source1())
    ledger.append(shadowed)
    unseen = lineup(MODEL, arrangement, ledger, Source1())

    assert (found.version(Arm.CHAMPION), found.version(Arm.CHALLENGER), found.heuristic) == (1, 2, rule)
    assert unseen.challenger is None


def test_without_a_champion_nothing_is_scored() -> None:
    with pytest.raises(NoChampion):
        lineup(MODEL, Arrangement(Split("s")), a_ledger_of(), Source1())
