"""A challenge from the command line, without any service: let in, refused, withdrawn, ended by a promotion."""

from pathlib import Path

import pytest

from tests.e2e.projects import clients, driftgate, small_project, told

pytestmark = pytest.mark.slow


def test_a_challenge_goes_its_way_through_the_ledger(tmp_path: Path) -> None:
    project = small_project(tmp_path / "project")
    clients(1600, 3, 0.0).to_csv(project / "noise.csv", index=False)
    told(project, "retrain")
    nothing_to_challenge = driftgate(project, "challenge", "1")
    told(project, "promote", "1")
    told(project, "retrain", "--data", "noise.csv")
    told(project, "retrain", "--data", "second.csv")

    refused = driftgate(project, "challenge", "2", "--json")
    shadow = told(project, "challenge", "2", "--shadow-only")
    live = told(project, "challenge", "3", "--comment", "a tenth")
    standing = told(project, "status")["models"][0]
    stopped = told(project, "challenge", "--stop")
    again = driftgate(project, "challenge", "--stop")
    told(project, "challenge", "3")
    told(project, "promote", "3")
    after = told(project, "status")["models"][0]
    neither, both = driftgate(project, "challenge"), driftgate(project, "challenge", "2", "--stop")

    assert (nothing_to_challenge.code, "no champion" in nothing_to_challenge.err) == (1, True)
    assert (refused.code, refused.document["state"], refused.document["challenger"]) == (1, "refused", None)
    assert "performance" in refused.document["reasons"][0]
    assert (shadow["state"], shadow["shadow_only"], shadow["challenger"]) == ("challenging", True, 2)
    assert (live["state"], live["challenger"], live["champion"], live["comment"]) == ("challenging", 3, 1, "a tenth")
    assert (standing["champion"], standing["challenger"], standing["shadow_only"], standing["alarms"]) == (1, 3, False, [])
    assert (stopped["state"], stopped["version"], stopped["challenger"]) == ("withdrawn", None, None)
    assert (again.code, "nothing to stop" in again.err) == (1, True)
    assert (after["champion"], after["challenger"], after["alarms"]) == (3, None, [])
    assert (neither.code, both.code) == (2, 2)
    assert told(project, "audit", "verify")["events"] > 10
