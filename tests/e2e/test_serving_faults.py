"""Every answered prediction is in both sinks exactly once: through kills, outages, full outboxes and restarts."""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer
from sqlalchemy import make_url

from driftgate.payloads.objects import S3Store
from driftgate.service.database import connect
from tests.databases import scratch_url
from tests.e2e.projects import SETTINGS, small_project, told
from tests.e2e.services import start
from tests.e2e.traffic import Callers, Serving, arrived, serving, times, until
from tests.integration.payloads.shipping import in_parts, in_sql
from tests.integration.payloads.test_appending_processes import needs
from tests.tcp_proxy import TcpProxy

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def promoted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose version 1 is champion; tests copy it."""
    project = small_project(tmp_path_factory.mktemp("serving") / "project")
    told(project, "retrain")
    told(project, "promote", "1")
    return project


@pytest.fixture
def project(promoted: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "project"
    shutil.copytree(promoted, copy)
    return copy


def both_have(project: Path, ids: list[str]) -> bool:
    return arrived(project) == (sorted(ids), sorted(ids))


def shipped(project: Path, answered: list[str]) -> None:
    """Waits until both sinks have as many rows as were answered or more, and then checks that each answer is there once."""
    until(lambda: all(set(answered) <= set(sink) for sink in arrived(project)), "everything shipped")
    for sink in arrived(project):
        assert len(sink) == len(set(sink))


def test_what_was_answered_before_a_kill_is_in_both_sinks_once(project: Path) -> None:
    running = Serving(project)
    callers = Callers(running)
    try:
        running.start()
        with callers.asking():
            for _ in range(times(3, 20)):
                callers.wait_for(30)
                running.kill()
                running.start()
            callers.wait_for(30)

        assert callers.refused == []
        shipped(project, callers.answered)
    finally:
        running.stop()


def test_a_killed_service_leaves_no_process_behind(project: Path) -> None:
    with serving(project) as running:
        assert running.process is not None
        marker = str(project)
        until(lambda: len(processes_of(marker)) == 2, "a serving and a shipping process")

        running.kill()

        until(lambda: processes_of(marker) == [], "no process of the project", 30)


def processes_of(marker: str) -> list[str]:
    """The command lines of the processes that name the project."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if marker in words:
            found.append(" ".join(words))
    return found


@contextmanager
def deployed(project: Path, tmp_path: Path) -> Iterator[tuple[TcpProxy, TcpProxy, str, S3Store]]:
    """The project moved to Postgres and S3, each behind a proxy; with the addresses that go round the proxies."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    # The server's memory outlives it: a bucket for each test.
    bucket = f"logs-{secrets.token_hex(6)}"
    try:
        with scratch_url("postgres", tmp_path) as url:
            parsed = make_url(url)
            with TcpProxy(parsed.host or "127.0.0.1", parsed.port or 5432) as sql, TcpProxy("127.0.0.1", port) as s3:
                boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}").create_bucket(Bucket=bucket)
                storage = (
                    f'[storage]\ndatabase = "{parsed.set(host="127.0.0.1", port=sql.port).render_as_string(hide_password=False)}"\n'
                    f'objects = "s3://{bucket}/team"\ns3_endpoint = "http://127.0.0.1:{s3.port}"\n'
                )
                (project / "driftgate.toml").write_text(storage + SETTINGS)
                yield sql, s3, url, S3Store(bucket, "team", endpoint_url=f"http://127.0.0.1:{port}")
    finally:
        server.stop()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.mark.usefixtures("credentials")
def test_outages_of_database_store_and_both_lose_and_double_nothing(tmp_path: Path) -> None:
    project = small_project(tmp_path / "project")
    with deployed(project, tmp_path) as (sql, s3, url, store):
        told(project, "retrain")
        told(project, "promote", "1")
        with serving(project) as running:
            callers = Callers(running, count=4)
            with callers.asking():
                for down in ((sql,), (s3,), (sql, s3)):
                    callers.wait_for(20)
                    for proxy in down:
                        proxy.refuse()
                    time.sleep(times(2, 30))
                    callers.wait_for(20)
                    for proxy in down:
                        proxy.forward()
            engine = connect(url)
            try:
                answered = sorted(callers.answered)
                until(lambda: in_sql(engine) == answered, "everything in SQL")
                until(lambda: in_parts(store) == answered, "everything in the store")
            finally:
                engine.dispose()
        assert callers.refused == []


@pytest.mark.usefixtures("credentials")
def test_a_restart_with_tracking_database_and_store_all_down_serves_the_last_champion(tmp_path: Path) -> None:
    project = small_project(tmp_path / "project")
    with deployed(project, tmp_path) as (sql, s3, url, store):
        told(project, "retrain")
        told(project, "promote", "1")
        with serving(project) as running:
            (before,) = running.predict("before")
        sql.refuse()
        s3.refuse()
        (project / ".driftgate" / "mlflow.db").rename(tmp_path / "mlflow.db")
        (project / ".driftgate" / "mlartifacts").rename(tmp_path / "mlartifacts")

        with serving(project) as running:
            (during,) = running.predict("during")
            (again,) = running.predict("before")
            status = httpx.get(f"{running.url}/readyz").json()
            sql.forward()
            s3.forward()
            engine = connect(url)
            until(lambda: in_sql(engine) == ["before", "during"] and in_parts(store) == ["before", "during"], "both shipped")
            engine.dispose()

    assert (during["version"], during["probability"]) == (1, before["probability"])
    assert again == before
    assert (status["status"], status["champions"]) == ("degraded", {"churn": 1})


def test_a_changed_artifact_is_not_served_from_the_cache_either(project: Path, tmp_path: Path) -> None:
    with serving(project) as running:
        running.predict("before")
    for folder in ("mlartifacts", "mlflow.db"):
        (project / ".driftgate" / folder).rename(tmp_path / folder)
    (model,) = (project / ".driftgate" / "cache").rglob("model.pkl")
    model.write_bytes(model.read_bytes() + b" ")

    running = Serving(project)
    log = project / "serve.log"
    log.unlink()
    try:
        with pytest.raises(AssertionError):
            until_answers(running)
    finally:
        running.stop()

    assert "cannot be loaded" in log.read_text()


def until_answers(running: Serving) -> None:
    """Starts it, and asks it for a row once it listens."""
    running.process = start(running.project, "serve", "--port", str(running.port))
    until(lambda: listens(running), "listening")
    running.predict("a")


def listens(running: Serving) -> bool:
    try:
        return httpx.get(f"{running.url}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_a_full_outbox_refuses_and_loses_nothing(project: Path) -> None:
    (project / "driftgate.toml").write_text('[storage]\noutbox_rows = 20\nobjects = "blocked"\n' + SETTINGS)
    # A file where the folder should be: the store is down for good.
    (project / "blocked").write_text("")
    with serving(project) as running:
        accepted = [name for name in (f"p{n}" for n in range(30)) if answers(running, name) == 200]
        refused = httpx.post(f"{running.url}/v1/models/churn/predict", json=body("late"), timeout=30)
        repeated = running.predict(accepted[0])

        (project / "blocked").unlink()
        until(lambda: answers(running, "after") == 200, "room again")

    assert len(accepted) == 20
    assert (refused.status_code, refused.json()["title"]) == (503, "Overloaded")
    assert "outbox" in refused.json()["detail"]
    assert repeated[0]["prediction_id"] == accepted[0]


def test_a_full_outbox_answers_unlogged_and_counts_where_the_policy_says_so(project: Path) -> None:
    (project / "driftgate.toml").write_text('[storage]\noutbox_rows = 20\noutbox_full = "unlogged"\nobjects = "blocked"\n' + SETTINGS)
    (project / "blocked").write_text("")
    with serving(project) as running:
        codes = [answers(running, f"p{n}") for n in range(30)]
        page = httpx.get(f"{running.url}/metrics").text

    assert codes == [200] * 30
    assert re.search(r"^driftgate_unlogged_predictions_total 10\.0$", page, re.MULTILINE)


def body(name: str) -> dict[str, object]:
    return {"instances": [{"features": {"score": 0.5, "visits": 3, "plan": "pro"}, "entity_id": "e", "prediction_id": name}]}


def answers(running: Serving, name: str) -> int:
    return httpx.post(f"{running.url}/v1/models/churn/predict", json=body(name), timeout=30).status_code


def test_several_workers_share_port_outbox_and_counts_and_one_that_dies_is_replaced(project: Path) -> None:
    with serving(project, "--workers", "2") as running:
        callers = Callers(running, count=8)
        with callers.asking():
            callers.wait_for(100)
            workers = worker_pids(running)
            os.kill(workers[0], signal.SIGKILL)
            until(lambda: len(set(worker_pids(running)) - {workers[0]}) == 2, "another worker in its place")
            callers.wait_for(100)
        twice = [running.predict("same") for _ in range(6)]
        page = httpx.get(f"{running.url}/metrics").text
        shipped(project, [*callers.answered, "same"])

    assert callers.refused == []
    assert all(answer == twice[0] for answer in twice)
    counted = re.search(r'^driftgate_predictions_total\{arm="champion",model="churn",version="1"\} (\d+)', page, re.MULTILINE)
    assert counted is not None
    assert int(counted[1]) >= len(callers.answered)


def worker_pids(running: Serving) -> list[int]:
    """The serving processes: children of the one that was started, without the shipping one."""
    assert running.process is not None
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = (folder / "cmdline").read_text()
        except OSError:
            continue
        if parent == running.process.pid and "spawn_main" in words:
            found.append(int(folder.name))
    return found


def test_a_sync_has_returned_before_each_answer_leaves(project: Path, tmp_path: Path) -> None:
    needs("strace")
    trace, rounds = tmp_path / "trace", times(10, 100)
    running = Serving(project)
    command = [
        "strace", "-f", "-y", "-s", "600", "-e", "trace=fdatasync,fsync,write,writev,sendto,sendmsg", "-o", str(trace),
        sys.executable, "-P", "-m", "driftgate.service", "--project", str(project), "serve", "--port", str(running.port),
    ]  # fmt: skip
    with (project / "serve.log").open("ab") as log:
        running.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=project, start_new_session=True)
    try:
        until(running.ready, "serving under strace")
        for number in range(rounds):
            running.predict(f"p{number}")
    finally:
        os.killpg(running.process.pid, signal.SIGTERM)
        running.process.wait(60)

    story = [event for event in told_by(trace.read_text(errors="replace").splitlines()) if event]
    answers_at = [place for place, event in enumerate(story) if event == "answered"]
    assert len(answers_at) == rounds
    for before, place in zip([-1, *answers_at], answers_at, strict=False):
        assert "synced" in story[before + 1 : place]


def told_by(lines: list[str]) -> Iterator[str]:
    """What the system calls were, in order: a sync of the outbox that came back, and an answer on its way to the caller."""
    syncing: set[str] = set()
    for line in lines:
        thread = line.split(maxsplit=1)[0]
        if re.search(r"f(data)?sync\(\d+<[^>]*outbox\.db-wal>\) += 0$", line):
            yield "synced"
        elif re.search(r"f(data)?sync\(\d+<[^>]*outbox\.db-wal> <unfinished", line):
            syncing.add(thread)
        elif thread in syncing and re.search(r"f(data)?sync resumed>.*= 0$", line):
            syncing.discard(thread)
            yield "synced"
        elif 'predictions\\":[{' in line:
            yield "answered"
