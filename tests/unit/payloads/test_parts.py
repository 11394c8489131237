from datetime import timedelta

import pyarrow.dataset as ds

from driftgate.lifecycle.payloads import Output
from driftgate.payloads.objects import FolderStore
from driftgate.payloads.parts import contents, parts
from driftgate.payloads.rows import encoded
from tests.builders import NOON, a_payload


def rows(*payloads):
    return [encoded(payload) for payload in payloads]


def test_a_part_holds_one_model_and_one_hour_of_the_event():
    late = NOON + timedelta(minutes=61)
    given = rows(a_payload("a"), a_payload("b", event_time=late), a_payload("c", model="a/b=c"), a_payload("d"))

    uploads = list(parts(given, "n"))

    assert [upload.rows for upload in uploads] == [1, 2, 1]
    assert [upload.key.rsplit("/", 1)[0] for upload in uploads] == [
        "payloads/model=a%2Fb%3Dc/date=2026-03-01/hour=12",
        "payloads/model=churn/date=2026-03-01/hour=12",
        "payloads/model=churn/date=2026-03-01/hour=13",
    ]


def test_the_same_rows_under_the_same_name_are_the_same_object():
    given = rows(a_payload("a"), a_payload("b"))

    assert list(parts(given, "n")) == list(parts(given, "n"))


def test_other_rows_under_the_same_name_are_another_object():
    keys = {upload.key for prediction in "ab" for upload in parts(rows(a_payload(prediction)), "n")}

    assert len(keys) == 2


def test_a_part_gives_its_payloads_back():
    given = [a_payload("a", model="ü/x", features={"big": 2**80, "nothing": None}), a_payload("b", model="ü/x", entity_id=None)]

    ((key, data, _),) = parts(rows(*given), "n")

    assert list(contents(key, data)) == given


def test_an_undefined_output_comes_back_as_nan():
    ((key, data, _),) = parts(rows(a_payload("a", output=Output(float("nan"), (float("nan"), 0.5)))), "n")

    (read,) = contents(key, data)

    assert str(read.output) == str(Output(float("nan"), (float("nan"), 0.5)))


def test_other_tools_read_the_layout_as_hive(tmp_path):
    store = FolderStore(tmp_path)
    for key, data, _ in parts(rows(a_payload("a"), a_payload("b", model="m/2")), "n"):
        store.put(key, data)

    table = ds.dataset(tmp_path / "payloads", partitioning="hive").to_table(columns=["prediction_id", "model", "date", "hour"])

    assert sorted(zip(table["prediction_id"].to_pylist(), table["model"].to_pylist(), strict=True)) == [("a", "churn"), ("b", "m/2")]
