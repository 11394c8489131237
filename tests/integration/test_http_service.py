"""The API and a worker as processes of their own, spoken to as a caller would."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service as DriverService
from selenium.webdriver.remote.webdriver import WebDriver
from sqlalchemy import Engine

from driftgate.lifecycle.ledger import Event, Kind, verify
from driftgate.lifecycle.payloads import Payload, Window
from driftgate.payloads.sql_log import SqlLog
from driftgate.registry.ledger import SqlLedger
from driftgate.service.database import connect, upgrade
from driftgate.service.tokens import Role, Tokens
from tests.e2e.projects import SETTINGS, clients, small_project

pytestmark = pytest.mark.slow

PATIENCE = 120.0
MODEL = "/v1/models/churn"
CAREFUL = "/v1/models/careful"


@dataclass
class Service:
    """A project whose API and worker run. `careful` is the model whose promotions a person must approve."""

    project: Path
    url: str
    engine: Engine
    tokens: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def client(self, name: str = "trainer") -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.tokens[name]}"}, timeout=60)

    def get(self, path: str) -> Any:
        return self.ask("GET", path).raise_for_status().json()

    def ask(self, method: str, path: str, body: Any = None, by: str = "trainer", **headers: str) -> httpx.Response:
        with self.client(by) as client:
            return client.request(method, path, json=body, headers=headers)

    def job(self, path: str, body: Any = None) -> Any:
        """The result of the job, once it is done."""
        job_id = self.ask("POST", path, body).raise_for_status().json()["job_id"]
        job = until(lambda: found if (found := self.get(f"/v1/jobs/{job_id}"))["state"] in ("done", "failed") else None)
        assert job["state"] == "done", job
        return job["result"]

    def settled(self, path: str, promotion_id: str) -> Any:
        """The promotion, once it stands still."""
        return until(lambda: found if (found := self.get(f"{path}/promotions/{promotion_id}"))["state"] != "running" else None)

    def promote(self, version: int, expected: int | None, path: str = MODEL) -> Any:
        answer = self.ask("POST", f"{path}/promotions", {"version": version, "expected_champion": expected})
        return self.settled(path, answer.raise_for_status().json()["promotion_id"])

    def roll_back(self, **body: Any) -> Any:
        answer = self.ask("POST", f"{MODEL}/rollback", body, by="approver")
        return self.settled(MODEL, answer.raise_for_status().json()["promotion_id"])

    def serving(self, model: str = "churn") -> int | None:
        served: int | None = self.get("/readyz")["champions"][model]
        return served

    def with_champion(self, number: int) -> None:
        """Makes the version answer again, whatever an earlier test left behind."""
        if self.get("/v1/status")["models"][0]["champion"] != number:
            self.roll_back(to=number)
        until(lambda: self.serving() == number)

    def events(self, **which: str) -> list[Event]:
        return list(SqlLedger(self.engine).events(**which))

    def logged(self) -> list[Payload]:
        now = datetime.now(UTC)
        return list(SqlLog(self.engine).read("churn", Window(now - timedelta(hours=1), now + timedelta(hours=1))))


def until(answer: Callable[[], Any]) -> Any:
    """The first true answer."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := answer():
            return found
        time.sleep(0.1)
    raise AssertionError(f"nothing within {PATIENCE:g} s")


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def a_project(folder: Path) -> tuple[Path, int]:
    """Two models with tokens: `churn`, and `careful`, whose promotions somebody must approve."""
    project = small_project(folder)
    port, mlflow = free_ports(2)
    service = f'[service]\nauth = "token"\nport = {port}\nmlflow_ui = {mlflow}\n'
    careful = SETTINGS.replace("models.churn", "models.careful") + "\n[models.careful.gates]\napproval = true\n"
    (project / "driftgate.toml").write_text(service + SETTINGS + careful)
    return project, port


@contextmanager
def process(project: Path, command: str) -> Iterator[subprocess.Popen[bytes]]:
    log = (project / f"{command}.log").open("wb")
    child = subprocess.Popen(
        [sys.executable, "-m", "driftgate.service", "--project", str(project), command], stdout=log, stderr=log, env={**os.environ}
    )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(timeout=60)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        log.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Version 1 of churn serves; version 2, made of rows whose relation turned round, is the candidate."""
    project, port = a_project(tmp_path_factory.mktemp("service"))
    engine = connect(f"sqlite:///{project / '.driftgate' / 'driftgate.db'}")
    upgrade(engine)
    made = Tokens(engine)
    tokens = {role.name.lower(): made.create(role.name.lower(), role) for role in Role}
    with process(project, "serve") as api, process(project, "worker") as worker:
        running = Service(project, f"http://127.0.0.1:{port}", engine, tokens, {"serve": api, "worker": worker})
        until(lambda: answers(running, "/healthz"))
        first = running.job(f"{MODEL}/retrain", {"reason": "the first one"})
        assert first["version"] == 1
        assert running.promote(1, None)["state"] == "promoted"
        assert running.job(f"{MODEL}/retrain", {"data": "second.csv"})["version"] == 2
        until(lambda: running.serving() == 1)
        yield running
    engine.dispose()


def answers(service: Service, path: str) -> bool:
    assert service.processes["serve"].poll() is None, (service.project / "serve.log").read_text()
    try:
        return httpx.get(f"{service.url}{path}", timeout=5).is_success
    except httpx.HTTPError:
        return False


def instances(rows: int, seed: int = 5, shift: float = 0.0) -> list[dict[str, Any]]:
    frame = clients(rows, seed, 0.8).drop(columns="churned")
    frame["score"] += shift
    return [{"features": row, "entity_id": f"c{seed}-{place}"} for place, row in enumerate(frame.to_dict("records"))]


def predict(client: httpx.Client, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    predictions: list[dict[str, Any]] = client.post(f"{MODEL}/predict", json={"instances": rows}).raise_for_status().json()["predictions"]
    return predictions


def test_a_retrain_over_http_ends_as_a_candidate_with_its_snapshot(service: Service) -> None:
    versions = service.get(f"{MODEL}/versions")["versions"]

    assert [version["version"] for version in versions] == [1, 2]
    assert "candidate" in versions[1]["aliases"]
    assert versions[1]["snapshot"]["train_rows"] + versions[1]["snapshot"]["holdout_rows"] == len(
        pd.read_csv(service.project / "second.csv")
    )


def test_a_promotion_over_http_tells_every_gate_and_who_asked(service: Service) -> None:
    first = service.get(f"{MODEL}/promotions")["promotions"][-1]

    assert (first["state"], first["version"], first["previous_champion"], first["actor"]) == ("promoted", 1, None, "trainer")
    assert {gate["name"]: gate["verdict"] for gate in first["gates"]} == {
        "schema": "pass",
        "data_quality": "pass",
        "performance": "pass",
        "calibration": "pass",
        "comparison": "not_applicable",
        "slices": "not_applicable",
        "degradation": "pass",
        "freshness": "not_applicable",
        "replay": "not_applicable",
        "cost": "pass",
        "behaviour": "not_applicable",
    }


def test_gates_can_be_asked_for_without_deciding_anything(service: Service) -> None:
    before = len(service.events())

    judged = service.job(f"{MODEL}/versions/2/gates")

    assert (judged["verdict"], judged["version"], len(service.events())) == ("pass", 2, before)


def test_a_repeated_prediction_id_gets_its_first_answer_and_is_logged_once(service: Service) -> None:
    service.with_champion(1)
    name = str(uuid.uuid4())
    one, other = instances(2, seed=11)

    with service.client("predictor") as client:
        (first,) = predict(client, [one | {"prediction_id": name}])
        (again,) = predict(client, [other | {"prediction_id": name}])
    until(lambda: [each for each in service.logged() if each.prediction_id == name])

    assert again == first
    assert [each.entity_id for each in service.logged() if each.prediction_id == name] == [one["entity_id"]]


def test_a_wrong_instance_logs_none_of_its_request(service: Service) -> None:
    good, bad = instances(2, seed=12)
    bad["features"]["visits"] = "many"

    answer = service.ask("POST", f"{MODEL}/predict", {"instances": [good, bad]}, by="predictor")

    assert (answer.status_code, answer.json()["field"]) == (422, "instances[1].features.visits")
    assert not [each for each in service.logged() if each.entity_id == good["entity_id"]]


def test_outcomes_join_their_predictions(service: Service) -> None:
    with service.client("predictor") as client:
        (answer,) = predict(client, instances(1, seed=13))
        truth = {"prediction_id": answer["prediction_id"], "value": "yes", "observed_at": datetime.now(UTC).isoformat()}
        first, again = (client.post(f"{MODEL}/outcomes", json={"outcomes": [truth]}).json() for _ in range(2))
    until(lambda: [each for each in service.logged() if each.prediction_id == answer["prediction_id"]])

    now = datetime.now(UTC)
    joined = SqlLog(service.engine).joined("churn", Window(now - timedelta(hours=1), now + timedelta(hours=1)))
    assert (first["recorded"], again["recorded"]) == (1, 0)
    assert [outcome.value for payload, outcome in joined if payload.prediction_id == answer["prediction_id"]] == ["yes"]


def test_drift_of_logged_payloads_is_measured_against_the_champions_snapshot_and_served_as_a_page(service: Service) -> None:
    service.with_champion(1)
    with service.client("predictor") as client:
        predict(client, instances(400, seed=14, shift=3.0))

    measured = service.job(f"{MODEL}/drift", {"since": "1h"})

    assert (measured["version"], measured["verdict"]) == (1, "fail")
    assert "score" in measured["drifted"]
    assert measured["report"] in [each["id"] for each in service.get(f"{MODEL}/reports")["reports"]]
    page = service.ask("GET", f"{MODEL}/reports/{measured['report']}", by="viewer")
    assert page.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
    assert "score" in page.text


def test_the_worker_makes_the_card_of_a_version_and_the_service_shows_it(service: Service) -> None:
    def shown() -> httpx.Response | None:
        answer = service.ask("GET", f"{MODEL}/versions/1/card", by="viewer")
        return answer if answer.status_code == 200 else None

    page = until(shown)

    assert "<h1>Model card: churn, version 1</h1>" in page.text
    assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


@pytest.fixture
def browser(service: Service, tmp_path: Path) -> Iterator[WebDriver]:
    """Chromium, signed in with the viewer's token by the form that the dashboard asks with."""
    found = shutil.which("chromium"), shutil.which("chromedriver")
    if None in found:
        (pytest.fail if os.environ.get("DRIFTGATE_TEST_NO_SKIPS") == "1" else pytest.skip)("apt-get install chromium chromium-driver")
    options = Options()
    options.binary_location = str(found[0])
    for each in ("headless=new", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking", f"user-data-dir={tmp_path}"):
        options.add_argument(f"--{each}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, DriverService(found[1]))
    try:
        driver.get(service.url + "/")
        driver.find_element("id", "token").send_keys(service.tokens["viewer"])
        driver.get_log("browser")
        driver.find_element("tag name", "button").click()
        yield driver
    finally:
        driver.quit()


def complaints(browser: WebDriver) -> list[str]:
    return [each["message"] for each in browser.get_log("browser")]


def test_a_browser_draws_a_reports_plots_inside_its_sandbox(service: Service, browser: WebDriver) -> None:
    reports = service.get(f"{MODEL}/reports")["reports"]
    if not any("html" in report["formats"] for report in reports):
        with service.client("predictor") as client:
            predict(client, instances(100, seed=15))
        service.job(f"{MODEL}/drift", {"since": "1h"})
        reports = service.get(f"{MODEL}/reports")["reports"]
    report = next(each for each in reports if "html" in each["formats"])

    browser.get(service.url + f"{MODEL}/reports/{report['id']}?format=html")

    until(lambda: len(browser.find_elements("class name", "main-svg")) >= 3)
    assert complaints(browser) == []


def test_a_browser_shows_the_dashboard_for_a_token(service: Service, browser: WebDriver) -> None:
    service.with_champion(1)
    browser.get(service.url + "/")

    assert [each.text for each in browser.find_elements("css selector", "span.tag.promoted")][:1] == ["promoted"]
    assert complaints(browser) == []


@dataclass
class Traffic:
    """What constant callers were answered: when each was sent and answered, and the versions in the one response."""

    answered: list[tuple[datetime, datetime, frozenset[int]]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@contextmanager
def constant_traffic(service: Service, callers: int = 4) -> Iterator[Traffic]:
    traffic, stop = Traffic(), threading.Event()

    def call(seed: int) -> None:
        rows = instances(8, seed)
        with service.client("predictor") as client:
            while not stop.is_set():
                sent = datetime.now(UTC)
                try:
                    versions = frozenset(each["version"] for each in predict(client, rows))
                    traffic.answered.append((sent, datetime.now(UTC), versions))
                except (httpx.HTTPError, KeyError, ValueError) as error:
                    traffic.failures.append(repr(error))

    with ThreadPoolExecutor(callers) as pool:
        done = [pool.submit(call, 100 + number) for number in range(callers)]
        try:
            until(lambda: len(traffic.answered) > callers)
            yield traffic
        finally:
            stop.set()
    for each in done:
        each.result()


def test_a_promotion_under_traffic_fails_no_request_and_is_served_within_two_seconds(service: Service) -> None:
    service.with_champion(1)
    pid = service.processes["serve"].pid

    with constant_traffic(service) as traffic:
        promotion = service.promote(2, 1)
        until(lambda: traffic.answered[-1][2] == {2})
        time.sleep(1)

    assert (promotion["state"], traffic.failures) == ("promoted", [])
    (decided,) = (event.at for event in service.events(subject=promotion["promotion_id"]) if event.kind is Kind.DECIDED)
    assert {len(versions) for _, _, versions in traffic.answered} == {1}
    late = [sent for sent, _, versions in traffic.answered if versions == {1} and sent > decided + timedelta(seconds=2)]
    first = min(answered for _, answered, versions in traffic.answered if versions == {2})
    assert late == []
    assert decided < first < decided + timedelta(seconds=2), first - decided
    assert (service.processes["serve"].poll(), service.processes["serve"].pid) == (None, pid)


def test_a_rollback_serves_the_champion_before_and_keeps_its_reason(service: Service) -> None:
    service.with_champion(1)
    service.promote(2, 1)

    done = service.roll_back(comment="complaints")
    until(lambda: service.serving() == 1)

    assert (done["state"], done["action"], done["champion"], done["actor"], done["comment"]) == (
        "promoted",
        "rollback",
        1,
        "approver",
        "complaints",
    )
    assert service.get(f"{MODEL}/versions/1")["aliases"] == ["champion"]


def test_of_two_promotions_at_once_exactly_one_wins(service: Service) -> None:
    service.with_champion(1)
    body = {"version": 2, "expected_champion": 1}

    with ThreadPoolExecutor(2) as pool:
        sent = list(pool.map(lambda _: service.ask("POST", f"{MODEL}/promotions", body), range(2)))
    ended = [service.settled(MODEL, answer.json()["promotion_id"]) for answer in sent if answer.status_code == 202]

    assert {answer.status_code for answer in sent} <= {202, 409}
    assert [each["state"] for each in ended].count("promoted") == 1
    losers = [each for each in ended if each["state"] != "promoted"]
    assert all(each["state"] == "failed" and each["reasons"] for each in losers)
    assert len(losers) == len(ended) - 1


def test_the_same_key_at_once_is_one_promotion(service: Service) -> None:
    service.with_champion(1)
    body, key = {"version": 2, "expected_champion": 1}, {"Idempotency-Key": "deploy-7"}

    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(lambda _: service.ask("POST", f"{MODEL}/promotions", body, **key), range(4)))
    other = service.ask("POST", f"{MODEL}/promotions", body | {"comment": "another"}, **key)

    (promotion_id,) = {answer.json()["promotion_id"] for answer in sent}
    assert [answer.status_code for answer in sent] == [202] * 4
    assert (other.status_code, other.json()["title"]) == (409, "KeyReused")
    assert service.settled(MODEL, promotion_id)["state"] == "promoted"


def test_a_promotion_that_awaits_approval_is_rejected_or_approved_by_another_person(service: Service) -> None:
    service.job(f"{CAREFUL}/retrain", {})
    rejected = service.promote(1, None, CAREFUL)
    answer = service.ask("POST", f"{CAREFUL}/promotions/{rejected['promotion_id']}/reject", {"comment": "not yet"}, by="approver")
    assert (rejected["state"], answer.json()["state"], answer.json()["reasons"]) == ("awaiting_approval", "rejected", ["not yet"])

    asked = service.ask("POST", f"{CAREFUL}/promotions", {"version": 1, "expected_champion": None}, by="approver").json()
    approve = f"{CAREFUL}/promotions/{asked['promotion_id']}/approve"
    waiting = service.settled(CAREFUL, asked["promotion_id"])
    by_requester, by_trainer = (service.ask("POST", approve, {}, by=name).status_code for name in ("approver", "trainer"))
    served_before = service.serving("careful")
    by_another = service.ask("POST", approve, {"comment": "I looked"}, by="admin")
    done = service.settled(CAREFUL, asked["promotion_id"])

    assert (waiting["state"], by_requester, by_trainer, served_before) == ("awaiting_approval", 403, 403, None)
    assert (by_another.status_code, done["state"], done["champion"], done["approver"]) == (202, "promoted", 1, "admin")
    until(lambda: service.serving("careful") == 1)
    again = service.ask("POST", approve, {}, by="admin")
    assert (again.status_code, again.json()["title"]) == (409, "WrongState")


def test_a_challenge_over_http_is_judged_by_the_worker_and_withdrawn_at_once(service: Service) -> None:
    service.with_champion(1)
    job = service.ask("POST", f"{MODEL}/challenger", {"version": 2, "comment": "a tenth"}, by="approver").json()["job_id"]
    judged = until(lambda: found if (found := service.get(f"/v1/jobs/{job}"))["state"] in ("done", "failed") else None)
    named = service.get(f"{MODEL}/versions/2")["aliases"]

    stopped = service.ask("POST", f"{MODEL}/challenger", {"version": None}, by="approver")
    at_once = SqlLedger(service.engine).challenger("churn")
    until(lambda: service.get(f"/v1/jobs/{stopped.json()['job_id']}")["state"] == "done")

    assert (judged["result"]["state"], judged["result"]["challenger"], judged["result"]["actor"]) == ("challenging", 2, "approver")
    assert "challenger" in named
    assert (stopped.status_code, at_once) == (202, None)
    assert service.ask("POST", f"{MODEL}/challenger", {"version": 2}).status_code == 403


def test_after_all_of_it_the_ledger_holds_and_no_process_complained(service: Service) -> None:
    time.sleep(6)  # one round of the worker's upkeep, which reports aliases that were moved

    assert verify(service.events()) > 0
    assert [name for name, child in service.processes.items() if child.poll() is not None] == []
    for name in service.processes:
        log = (service.project / f"{name}.log").read_text()
        assert [line for line in log.splitlines() if "Traceback" in line or " ERROR " in line] == [], log
