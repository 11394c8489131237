"""Windows that nobody hoped for, through the drift report of logged payloads and through a whole look."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from driftgate.lifecycle.errors import DigestMismatch, InvalidData
from driftgate.lifecycle.findings import Monitor
from driftgate.lifecycle.measurements import DriftMeasurement
from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.verdicts import Verdict
from driftgate.lifecycle.versions import Version
from driftgate.service.metering import WindowMeter
from driftgate.service.settings import load
from tests.builders import NOON, a_payload, a_schema, a_version, an_outcome
from tests.fakes import FakeExaminer, FakePayloadLog
from tests.integration.service.test_watching import ROWS, SETTINGS, WINDOW, Scene, Shelf, frame, of

pytestmark = pytest.mark.slow


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def measured(scene: Scene, *, html: bool = False, schema: Schema | None = None) -> DriftMeasurement:
    """The report of the logged window, as `driftgate drift --since` makes it."""
    text = SETTINGS.replace("OFF", scene.off).replace("HTML", scene.html)
    (scene.folder / "driftgate.toml").write_text(text, encoding="utf-8")
    meter = WindowMeter(load(scene.folder, {}), scene.shelf, scene.log, FakeExaminer())
    return meter.measure(a_version(schema=schema or a_schema()), WINDOW, "drift-1", html=html)[0]


def test_no_payloads_are_an_error_that_names_the_window(scene: Scene) -> None:
    with pytest.raises(InvalidData, match=r"no payloads were logged between 2\d{3}-.* UTC"):
        measured(scene)


def test_one_payload_decides_nothing(scene: Scene) -> None:
    scene.answered(frame(1, 3))

    found = measured(scene)

    assert (found.rows, found.verdict) == (1, Verdict.UNDECIDED)
    assert {column.verdict for column in found.columns} == {Verdict.UNDECIDED}


def test_answers_of_several_versions_are_scored_by_the_one_that_is_measured(scene: Scene) -> None:
    scene.answered(frame(ROWS, 3))
    scene.answered(frame(ROWS, 4), version=2, tag="b")

    found = measured(scene)

    assert (found.rows, found.drifted) == (2 * ROWS, ())
    assert found.prediction is not None
    assert found.prediction.rows == 2 * ROWS


def test_a_snapshot_that_is_gone_is_an_error_until_it_was_profiled_and_where_a_page_is_to_show_it(scene: Scene) -> None:
    scene.answered(frame(ROWS, 3))
    scene.shelf.gone.add("snapshot")
    with pytest.raises(DigestMismatch, match="not the one registered"):
        measured(scene)
    scene.shelf.gone.clear()
    whole = measured(scene)
    scene.shelf.gone.add("snapshot")

    assert measured(scene) == whole
    with pytest.raises(DigestMismatch, match="not the one registered"):
        measured(scene, html=True)


class Customers(Shelf):
    """Snapshots of customers, each there once."""

    def snapshot(self, version: Version, part: str) -> pd.DataFrame:
        rows = super().snapshot(version, part)
        return rows.assign(customer=[f"{part}{place}" for place in range(len(rows))])


def test_a_few_callers_who_come_back_are_drift_only_where_rows_count_as_independent(scene: Scene) -> None:
    few, scene.shelf = frame(20, 11), Customers()
    found = scene.answered(pd.concat([few] * (ROWS // 20), ignore_index=True))
    scene.log = FakePayloadLog()
    scene.log.append([replace(payload, entity_id=f"c{place % 20}") for place, payload in enumerate(found)])
    scene.log.ship()

    by_row, by_customer = measured(scene), measured(scene, schema=a_schema(entity="customer"))

    assert by_row.drifted != ()
    assert by_customer.drifted == ()
    assert by_customer.rows == ROWS


def test_payloads_from_the_future_are_a_finding_and_in_no_measurement(scene: Scene) -> None:
    scene.answered(frame(ROWS, 3))
    late = [
        a_payload(f"f{place}", features={"score": 9.0, "plan": "basic"}, event_time=at, arrival_time=NOON - timedelta(days=2))
        for place, at in enumerate([NOON - timedelta(days=1)] * 100 + [NOON + timedelta(days=1)] * 20)
    ]
    scene.log.append(late)
    scene.log.ship()

    seen = scene.look()

    clocks = of(seen, Monitor.TRAFFIC)["clocks"]
    assert (clocks.alarms, clocks.value) == (True, 120)
    assert seen.rows == ROWS
    assert not of(seen, Monitor.DATA_DRIFT)["score"].alarms


@pytest.mark.parametrize("told", [3.5, "", "YES!"])
def test_an_outcome_that_fits_the_task_in_no_way_is_counted_and_costs_no_other(scene: Scene, told: str | float) -> None:
    payloads = scene.answered(rows := frame(ROWS, 3))
    truths = [told if place < 8 else label for place, label in enumerate(rows["churned"])]
    scene.log.record([an_outcome(each.prediction_id, truth) for each, truth in zip(payloads, truths, strict=True)])

    found = of(scene.look(), Monitor.PERFORMANCE)

    assert found["outcomes"].value == pytest.approx(8 / ROWS)
    assert found["loss_growth"].rows == ROWS - 8
    assert found["loss_growth"].verdict is Verdict.PASS
