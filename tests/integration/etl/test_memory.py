"""Memory of the loader: flat in the number of payloads."""

import os
import tracemalloc
from functools import partial

import pytest

from driftgate.payloads.etl.discovery import Search
from driftgate.payloads.etl.loading import load
from driftgate.payloads.etl.reading import read_part
from driftgate.payloads.etl.sql_target import SqlTarget
from driftgate.payloads.objects import FolderStore
from tests.builders import a_payload
from tests.shipments import ship_range

FEW, MANY = (2_000, 20_000) if os.environ.get("DRIFTGATE_SOAK") == "1" else (1_000, 6_000)


def peak(folder, engine, count):
    store = FolderStore(folder)
    for after in range(0, count, 200):
        features = {f"feature_{number}": number / 7 for number in range(20)}
        ship_range(store, [a_payload(f"{count}-{after + number}", features=features) for number in range(200)], after=after)
    target = SqlTarget(engine, str(folder))
    tracemalloc.start()
    done = load(Search(store, target).steps(), partial(read_part, store), target, workers=4)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert done.new == count
    return most


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_payloads(tmp_path, sqlite, monkeypatch):
    monkeypatch.setattr("driftgate.payloads.etl.loading.ROWS", 500)
    peak(tmp_path / "warm", sqlite, 200)

    few, many = peak(tmp_path / "few", sqlite, FEW), peak(tmp_path / "many", sqlite, MANY)

    assert many < 1.2 * few + 2**20
