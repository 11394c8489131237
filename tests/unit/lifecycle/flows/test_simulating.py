from pathlib import Path

import pytest

from driftgate.lifecycle.errors import DigestMismatch
from driftgate.lifecycle.flows.simulating import SimulationRequest, metrics, simulate
from tests.builders import MODEL, NOON, a_scenario, a_version, passing_degradation
from tests.fakes import FakeRegistry, FakeReports, FakeSimulator

ASKED = SimulationRequest("s1", MODEL, 1, NOON)


def test_the_envelope_is_kept_and_its_numbers_are_metrics_of_the_run(tmp_path: Path) -> None:
    registry, reports = FakeRegistry.holding(a_version()), FakeReports()

    envelope, report = simulate(ASKED, registry, FakeSimulator(tmp_path), reports)

    assert (report.kind, reports.listed(MODEL)) == ("simulation", (report,))
    assert registry.metrics[MODEL, 1] == metrics(envelope)


def test_base_and_every_scenario_become_metrics() -> None:
    flat = metrics(passing_degradation(a_scenario("moderate", loss=0.5, lift=2.0)))

    assert flat["simulation/base/log_loss"] == 0.40
    assert flat["simulation/moderate/log_loss"] == 0.5
    assert flat["simulation/moderate/probability_lift"] == 2.0


def test_a_regression_has_mae_and_rmse_and_no_lift() -> None:
    envelope = passing_degradation(a_scenario("moderate", loss=2.0, rmse=3.0, lift=None), loss="mae")

    flat = metrics(envelope)

    assert (flat["simulation/moderate/mae"], flat["simulation/moderate/rmse"]) == (2.0, 3.0)
    assert "simulation/moderate/probability_lift" not in flat


def test_a_changed_artifact_is_not_simulated(tmp_path: Path) -> None:
    registry, simulator = FakeRegistry.holding(a_version()), FakeSimulator(tmp_path)
    registry.tampered.add(1)

    with pytest.raises(DigestMismatch):
        simulate(ASKED, registry, simulator, FakeReports())

    assert simulator.calls == []
