from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from driftgate.lifecycle.errors import DigestMismatch, InvalidData, RegistryUnavailable, StoreUnavailable
from driftgate.lifecycle.findings import Finding, Monitor, Pass
from driftgate.lifecycle.flows.monitoring import DriftRequest, MonitorRequest, measure_drift, monitor
from driftgate.lifecycle.ledger import Kind
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.plan import Source
from driftgate.lifecycle.ports import Report, Reports
from driftgate.lifecycle.ports_watching import Watched
from driftgate.lifecycle.verdicts import Verdict
from tests.builders import MODEL, NOON, a_drift_measurement, a_version, an_event
from tests.fakes import FakeDriftMeter, FakeLedger, FakeMonitoringBook, FakeRegistry, FakeReports, FakeWatch, a_ledger_of

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


# Passes


WINDOW = Window(NOON - timedelta(days=7), NOON)
PASS = MonitorRequest("monitor-churn-1", MODEL, NOON, WINDOW, 0.005)
ALARM = Finding(Monitor.DATA_DRIFT, "score", Verdict.FAIL, value=0.4, limit=0.1)


def a_ledger(champion: int | None = 1) -> FakeLedger:
    if champion is None:
        return FakeLedger()
    body = {"version": champion, "previous": None, "action": "promote"}
    return a_ledger_of(an_event(body={**body, "expected_champion": None, "comment": ""}), replace(an_event(body=body), kind=Kind.DECIDED))


def passed(watch: FakeWatch, *, champion: int | None = 1, reports: Reports | None = None, book: FakeMonitoringBook | None = None) -> Pass:
    registry = FakeRegistry.holding(a_version())
    return monitor(PASS, a_ledger(champion), registry, watch, reports or FakeReports(), book or FakeMonitoringBook())


def test_a_pass_keeps_what_was_found_of_the_champion() -> None:
    book, watch = FakeMonitoringBook(), FakeWatch(seen=Watched(120, WINDOW, (ALARM,), ("a column is odd",)))

    found = passed(watch, book=book)

    assert (found.version, found.rows, found.judged, found.level) == (1, 120, WINDOW, 0.005)
    assert (found.alarms, found.problems, found.report) == ((ALARM,), ("a column is odd",), None)
    assert book.find(PASS.key) == found
    assert watch.calls == [(1, PASS.key, NOON, WINDOW, 0.005)]


def test_a_page_that_was_drawn_is_kept_as_a_report_and_named_by_the_pass(tmp_path: Path) -> None:
    reports = FakeReports()

    found = passed(FakeWatch(tmp_path, Watched(120, None, (ALARM,))), reports=reports)

    (report,) = reports.listed(MODEL)
    assert (found.report, report.kind, report.verdict, report.created) == (report.id, "monitoring", "fail", NOON)
    assert report.summary["drifted"] == ["data_drift/score"]


def test_a_page_that_cannot_be_kept_costs_the_page_and_not_the_pass(tmp_path: Path) -> None:
    class Down(FakeReports):
        def keep(self, *_: object) -> Report:
            raise RegistryUnavailable("MLflow did not answer")

    found = passed(FakeWatch(tmp_path, Watched(120, None, (ALARM,))), reports=Down())

    assert (found.report, found.alarms) == (None, (ALARM,))
    assert "MLflow did not answer" in found.problems[-1]


def test_without_a_champion_the_pass_says_so_and_alarms_nobody() -> None:
    watch, book = FakeWatch(), FakeMonitoringBook()

    found = passed(watch, champion=None, book=book)

    (finding,) = found.findings
    assert (finding.monitor, finding.verdict, found.version) == (Monitor.TRAFFIC, Verdict.UNDECIDED, None)
    assert "no version serves" in finding.reasons[0]
    assert (watch.calls, book.find(PASS.key)) == ([], found)


def test_a_champion_that_the_registry_does_not_know_is_said() -> None:
    found = passed(FakeWatch(), champion=7)

    assert "no version 7" in found.findings[0].reasons[0]


def test_a_pass_that_was_kept_is_not_looked_at_again() -> None:
    book, watch = FakeMonitoringBook(), FakeWatch(seen=Watched(120, None, (ALARM,)))
    first = passed(watch, book=book)

    second = passed(FakeWatch(seen=Watched(5, None, ())), book=book)

    assert second == first
    assert len(watch.calls) == 1


def test_a_store_that_does_not_answer_ends_the_pass_without_a_trace() -> None:
    class Silent(FakeLedger):
        def champion(self, *_: object) -> int | None:
            raise StoreUnavailable("the database did not answer")

    book = FakeMonitoringBook()

    with pytest.raises(StoreUnavailable):
        monitor(PASS, Silent(), FakeRegistry(), FakeWatch(), FakeReports(), book)

    assert book.kept == {}


def test_a_long_key_still_names_a_report(tmp_path: Path) -> None:
    asked = replace(PASS, key=f"monitor-{'m' * 63}-20260101T000000Z")
    watch, reports = FakeWatch(tmp_path, Watched(1, None, (ALARM,))), FakeReports()

    found = monitor(asked, a_ledger(), FakeRegistry.holding(a_version()), watch, reports, FakeMonitoringBook())

    assert found.report is not None
    assert len(found.report) <= 64
