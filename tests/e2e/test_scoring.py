"""Batch scoring as a person runs it: a real champion, a real log, and a process that is killed on the way."""

import csv
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.projects import SETTINGS, bare_environment, driftgate, small_project, told

pytestmark = pytest.mark.slow

HEURISTIC = """
[models.churn.arms]
heuristic = 0.5

[models.churn.heuristic]
function = "rules:by_score"
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = small_project(tmp_path_factory.mktemp("scoring") / "project")
    (folder / "driftgate.toml").write_text(SETTINGS + HEURISTIC)
    (folder / "rules.py").write_text("def by_score(frame):\n    return ['yes' if score > 0 else 'no' for score in frame['score']]\n")
    lines = (folder / "second.csv").read_text().splitlines()
    rows = [f"{line},c{place}" for place, line in enumerate(lines[1:])]
    (folder / "third.csv").write_text("\n".join([f"{lines[0]},client", *rows, "much,1,pro,no,c-last"]) + "\n")
    version = told(folder, "retrain")["version"]
    told(folder, "promote", str(version))
    return folder


def payloads(project: Path) -> dict[str, tuple[str, str]]:
    connection = sqlite3.connect(project / ".driftgate" / "driftgate.db")
    rows = connection.execute("SELECT prediction_id, arm, entity_id FROM payloads").fetchall()
    connection.close()
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0]: (row[1], row[2]) for row in rows}


def logged(project: Path) -> int:
    connection = sqlite3.connect(f"file:{project / '.driftgate' / 'outbox.db'}?mode=ro", uri=True)
    try:
        return int(connection.execute("SELECT count(*) FROM entries").fetchone()[0])
    finally:
        connection.close()


def test_a_killed_batch_is_finished_by_its_repeat_and_every_row_is_logged_once(project: Path) -> None:
    before = logged(project)
    arguments = ("score", str(project / "third.csv"), "--out", str(project / "out.csv"), "--entity", "client", "--chunk", "20", "--json")
    command = [sys.executable, "-m", "driftgate.service", "--project", str(project), *arguments]
    with subprocess.Popen(command, env=bare_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while logged(project) < before + 100:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
    killed_at, unfinished = logged(project) - before, (project / "out.csv").exists()

    answer = driftgate(project, *arguments)

    with (project / "out.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    document = answer.document
    assert answer.code == 1, answer.err
    assert (100 <= killed_at < 1600, unfinished) == (True, False)
    assert (document["rows"], document["scored"], document["rejected"]) == (1601, 1600, 1)
    assert {row["prediction_id"]: (row["arm"], row["entity_id"]) for row in written} == payloads(project)
    assert {row["arm"] for row in written} == {"champion", "heuristic"}
    assert '1601,"score must be a finite number' in (project / "out.csv.rejected.csv").read_text()


def test_the_volume_report_counts_what_was_scored(project: Path) -> None:
    told(project, "score", str(project / "second.csv"), "--out", str(project / "second.parquet"))

    document = told(project, "report-volume", "--lookback", "1h", "--dry-run")

    assert document["count"] == len(payloads(project))
    assert {part["arm"] for part in document["arms"]} >= {"champion"}
    assert 0 < document["mean_prediction"] < 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("score", "--out", "out.csv"),
        ("score", "a.csv", "--query", "SELECT 1", "--url", "sqlite:///a.db", "--out", "out.csv"),
        ("score", "--query", "SELECT 1", "--out", "out.csv"),
        ("score", "second.csv", "--out", "out.txt"),
    ],
)
def test_a_wrong_call_is_wrong_usage(project: Path, arguments: tuple[str, ...]) -> None:
    assert driftgate(project, *arguments).code == 2
