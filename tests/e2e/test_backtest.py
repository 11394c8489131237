"""A backtest by command: killed in the middle it goes on where it stopped, and comes to what it would have come to."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.e2e.projects import bare_environment, clients, driftgate, told

ARGUMENTS = ("backtest", "--data", "history.csv", "--time", "row_order", "--every", "400", "--corrupt", "0.4", "--seed", "7", "--no-alarms")
PLACES = {"html", "plot", "resumed_periods"}

SETTINGS = """
[models.churn]
target = "churned"
positive = "yes"
estimator = {name = "logistic"}
source = {path = "history.csv"}

[models.churn.window]
rows = 800
"""


def _project(folder: Path) -> Path:
    folder.mkdir()
    history = pd.concat([clients(1_600, 1, 1.5), clients(1_600, 2, -2.0)], ignore_index=True)
    history.to_csv(folder / "history.csv", index=False)
    (folder / "driftgate.toml").write_text(SETTINGS, encoding="utf-8")
    return folder


def _killed_after(project: Path, periods: int) -> int:
    """Kills the command once so many periods are kept; how many were."""
    line = [sys.executable, "-m", "driftgate.service", "--project", str(project), *ARGUMENTS]
    running = subprocess.Popen(line, cwd=project, env=bare_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while _kept(project) < periods:
        assert running.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    return _kept(project)


def _kept(project: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in project.glob(".driftgate/backtests/*/periods.jsonl"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return told(_project(tmp_path_factory.mktemp("whole") / "project"), *ARGUMENTS)


def test_a_killed_backtest_goes_on_and_comes_to_the_same(whole: dict[str, Any], tmp_path: Path) -> None:
    project = _project(tmp_path / "project")
    done = _killed_after(project, 2)

    gone_on = told(project, *ARGUMENTS)

    assert done <= gone_on["resumed_periods"] + 1
    assert gone_on["resumed_periods"] >= 2
    assert {key: value for key, value in gone_on.items() if key not in PLACES} == {
        key: value for key, value in whole.items() if key not in PLACES
    }


def test_the_gates_follow_the_world_and_let_nothing_broken_through(whole: dict[str, Any]) -> None:
    policies = whole["policies"]

    assert policies["policy"]["promotions"] >= 1
    assert policies["policy"]["corrupted_promoted"] == 0
    assert policies["always"]["corrupted_promoted"] == sum(period["corruption"] is not None for period in whole["periods"]) > 0
    assert policies["policy"]["mean_loss"] < policies["never"]["mean_loss"]
    broken = [each for each in policies["policy"]["refusals"] if each["corruption"]]
    assert broken
    assert all(each["reasons"] for each in broken)


def test_people_are_told_the_figures_the_refusals_and_where_the_page_is(whole: dict[str, Any]) -> None:
    project = Path(whole["html"]).parents[3]

    answer = driftgate(project, *ARGUMENTS)

    assert answer.code == 0
    assert all(f"  {name} " in answer.out for name in whole["policies"])
    assert "refused in" in answer.out
    assert f"{len(whole['periods'])} were done before" in answer.out
    assert whole["html"] in answer.out


def test_wrong_wishes_are_wrong_usage_and_say_what_to_do(tmp_path: Path) -> None:
    project = _project(tmp_path / "project")

    unordered = driftgate(project, "backtest")
    mixed = driftgate(project, "backtest", "--time", "row_order", "--every", "1M")
    share = driftgate(project, "backtest", "--time", "row_order", "--corrupt", "2")
    short = driftgate(project, "backtest", "--time", "row_order", "--first", "9000")

    assert [answer.code for answer in (unordered, mixed, share, short)] == [2, 2, 2, 1]
    assert "--time row_order" in unordered.err
    assert "numbers of rows" in mixed.err
    assert "bring more history" in short.err
