from pathlib import Path

import pytest

from driftgate.lifecycle.errors import DigestMismatch, InvalidData
from driftgate.lifecycle.flows.monitoring import DriftRequest, measure_drift
from driftgate.lifecycle.plan import Source
from tests.builders import MODEL, NOON, a_drift_measurement, a_version
from tests.fakes import FakeDriftMeter, FakeRegistry, FakeReports

ASKED = DriftRequest(key="r1", model=MODEL, version=1, current=Source(path="today.csv"), asked_at=NOON)


def test_the_report_is_kept_with_verdict_and_files(tmp_path: Path) -> None:
    reports = FakeReports()
    meter = FakeDriftMeter(tmp_path, a_drift_measurement(drifted=True))

    measurement, report = measure_drift(ASKED, FakeRegistry.holding(a_version()), meter, reports)

    assert (report.verdict, report.summary["drifted"], report.created) == ("fail", ["score"], NOON)
    assert set(report.files) == {"json", "html"}
    assert reports.listed(MODEL) == (report,)
    assert measurement.drifted == ("score",)
    assert {name for _, name in reports.contents} == {"report.json", "report.html"}


def test_without_html_only_json_is_kept(tmp_path: Path) -> None:
    asked = DriftRequest("r1", MODEL, 1, Source(path="today.csv"), NOON, html=False)

    _, report = measure_drift(asked, FakeRegistry.holding(a_version()), FakeDriftMeter(tmp_path), FakeReports())

    assert set(report.files) == {"json"}


def test_a_changed_snapshot_is_not_measured_against(tmp_path: Path) -> None:
    registry, meter = FakeRegistry.holding(a_version()), FakeDriftMeter(tmp_path)
    registry.tampered.add(1)

    with pytest.raises(DigestMismatch):
        measure_drift(ASKED, registry, meter, FakeReports())

    assert meter.calls == []


def test_no_rows_leave_no_report(tmp_path: Path) -> None:
    reports = FakeReports()

    with pytest.raises(InvalidData):
        measure_drift(ASKED, FakeRegistry.holding(a_version()), FakeDriftMeter(tmp_path, empty=True), reports)

    assert reports.listed(MODEL) == ()
