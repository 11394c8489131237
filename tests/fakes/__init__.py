"""One in-memory fake per port, as strict as the port's docstrings. The contract suites run over these and the real adapters alike."""

from tests.fakes.ledger import FakeAnchors, FakeLedger, Ticking, a_ledger_of
from tests.fakes.measuring import FakeDriftMeter, FakeExaminer, FakeGauge, FakeSimulator
from tests.fakes.monitoring import FakeMonitoringBook, FakeReports, FakeWatch
from tests.fakes.payloads import FakePayloadLog
from tests.fakes.registry import FakeCards, FakeCardShelf, FakeRegistry, FakeScorer, FakeTrainer

__all__ = [
    "FakeAnchors",
    "FakeCardShelf",
    "FakeCards",
    "FakeDriftMeter",
    "FakeExaminer",
    "FakeGauge",
    "FakeLedger",
    "FakeMonitoringBook",
    "FakePayloadLog",
    "FakeRegistry",
    "FakeReports",
    "FakeScorer",
    "FakeSimulator",
    "FakeTrainer",
    "FakeWatch",
    "Ticking",
    "a_ledger_of",
]
