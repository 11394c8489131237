"""The type checker proves that each fake is its port; this file gives it the assignments to check, and Python the names."""

from pathlib import Path

from driftgate.lifecycle import ports, ports_cards, ports_rollout, ports_watching
from tests import fakes


def test_each_port_has_a_fake(tmp_path: Path) -> None:
    ledger: ports.Ledger = fakes.FakeLedger()
    registry: ports.Registry = fakes.FakeRegistry()
    examiner: ports.Examiner = fakes.FakeExaminer()
    trainer: ports.Trainer = fakes.FakeTrainer()
    log: ports.PayloadLog = fakes.FakePayloadLog()
    reports: ports.Reports = fakes.FakeReports()
    meter: ports.DriftMeter = fakes.FakeDriftMeter(tmp_path)
    simulator: ports.Simulator = fakes.FakeSimulator(tmp_path)
    scorer: ports.Scorer = fakes.FakeScorer()
    book: ports_watching.MonitoringBook = fakes.FakeMonitoringBook()
    watch: ports_watching.Watch = fakes.FakeWatch()
    shelf: ports_cards.CardShelf = fakes.FakeCardShelf()
    gauge: ports_rollout.Gauge = fakes.FakeGauge()

    made = (ledger, registry, examiner, trainer, log, reports, meter, simulator, scorer, book, watch, shelf, gauge)
    named = {type(fake).__name__ for fake in made}

    every = {**vars(ports), **vars(ports_watching), **vars(ports_cards), **vars(ports_rollout)}
    protocols = {name for name, kind in every.items() if getattr(kind, "_is_protocol", False) and name != "Protocol"}
    assert named == {f"Fake{name}" for name in protocols}
