"""`driftgate rollout` without a service: where a roll-out stands, a look, and its end, over the real ledger."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.errors import WrongState
from driftgate.lifecycle.ledger import Kind, NewEvent
from driftgate.lifecycle.policy import Policy
from driftgate.registry.binding import Bindings
from driftgate.service.bootstrap import Running, wire
from driftgate.service.cli.main import cli
from driftgate.service.settings import load
from tests.builders import MODEL, a_version

SETTINGS = f"""
[models.{MODEL}]
target = "churned"
source = {{path = "churn.csv"}}
"""
POLICY = Policy(rollout_stages=(0.05, 0.25, 1.0))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Version 1 is champion, and version 2 at the first stage of promotion p2."""
    (tmp_path / "driftgate.toml").write_text(SETTINGS, encoding="utf-8")
    parts = wire(load(tmp_path, {}), lambda _: None)
    for number in (1, 2):
        Bindings(parts.engine).keep(a_version(number), f"key-{number}")
    wish = {"action": "promote", "version": 2, "expected_champion": 1, "comment": ""}
    stage = {"promotion_id": "p2", "version": 2, "champion": 1, "stage": 1, "share": 0.05, "stages": [0.05, 0.25, 1.0], "gates": []}
    for subject, kind, body in (
        ("p1", Kind.DECIDED, {"version": 1, "previous": None, "action": "promote"}),
        ("p2", Kind.REQUESTED, wish),
        ("p2", Kind.JUDGED, {"verdict": "pass", "gates": [], "policy": plain(POLICY), "approval": False}),
        ("p2", Kind.STAGED, stage),
    ):
        parts.app.ledger.append(NewEvent(MODEL, subject, kind, "driftgate", body))
    yield parts
    parts.close()


def told(folder: Path, *arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(cli, ["--project", str(folder), "rollout", *arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_roll_out_is_shown_looked_at_and_stopped_once(running: Running, tmp_path: Path) -> None:
    shown = told(tmp_path, "status")
    looked = told(tmp_path, "advance")
    stopped = told(tmp_path, "stop", "--comment", "a hunch")
    lines = CliRunner().invoke(cli, ["--project", str(tmp_path), "rollout", "status"]).stdout
    again = CliRunner().invoke(cli, ["--project", str(tmp_path), "rollout", "stop"])

    assert (shown["state"], shown["rollout"]["share"]) == ("rolling_out", 0.05)
    (look,) = looked["looks"]
    assert (look["came"], look["state"], [gate["name"] for gate in look["gates"]]) == (
        "waited",
        "rolling_out",
        ["errors", "latency", "outputs", "loss"],
    )
    assert (stopped["state"], stopped["champion"], stopped["reasons"]) == ("stopped", 1, ["a hunch"])
    assert "ended by" in lines
    assert "a hunch" in lines
    assert isinstance(again.exception, WrongState)
    assert running.app.ledger.challenger(MODEL) is None
