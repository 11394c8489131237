"""Roll-outs on a real project: API, workers and traffic in processes of their own."""

import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from driftgate.lifecycle.ledger import Kind
from driftgate.service.bootstrap import wire
from driftgate.service.settings import load
from tests.e2e.projects import SETTINGS, driftgate, small_project, told
from tests.e2e.services import Service, service, start

pytestmark = pytest.mark.slow

POLICY = """
[models.churn.gates]
rollout_stages = [0.3, 0.6, 1.0]
rollout_minutes = 0
rollout_rows = 200
rollout_latency = 50.0
rollout_outputs = {outputs}
"""
MODEL = "/v1/models/churn"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 is champion. Version 2, fitted after the relation turned round, is better and answers quite otherwise."""
    project = small_project(tmp_path_factory.mktemp("rollouts") / "project")
    told(project, "retrain")
    told(project, "promote", "1")
    told(project, "retrain", "--data", "second.csv")
    return project


def under(trained: Path, folder: Path, outputs: float) -> Path:
    project = folder / "project"
    shutil.copytree(trained, project)
    (project / "driftgate.toml").write_text(SETTINGS + POLICY.format(outputs=outputs))
    told(project, "policy", "apply")
    return project


def answered(running: Service, entities: int = 1500, prefix: str = "c") -> Counter[int]:
    """How many of the entities each version answered."""
    found: Counter[int] = Counter()
    for begin in range(0, entities, 100):
        rows = [
            {"entity_id": f"{prefix}{n}", "features": {"score": (n % 41) / 10 - 2, "visits": n % 7, "plan": "pro"}}
            for n in range(begin, begin + 100)
        ]
        answer = running.post(f"{MODEL}/predict", {"instances": rows})
        found.update(each["version"] for each in answer["predictions"])
    return found


def standing(running: Service, promotion_id: str) -> dict[str, Any]:
    return running.get(f"{MODEL}/promotions/{promotion_id}")


@contextmanager
def another_worker(project: Path) -> Iterator[Any]:
    process = start(project, "worker")
    try:
        yield process
    finally:
        process.kill()
        process.wait(60)


def events(project: Path) -> list[tuple[Kind, str]]:
    parts = wire(load(project), lambda _: None)
    try:
        return [(event.kind, event.subject) for event in parts.app.ledger.events()]
    finally:
        parts.close()


def test_a_version_is_rolled_out_by_two_workers_of_which_one_is_killed_and_each_stage_is_there_once(trained: Path, tmp_path: Path) -> None:
    project = under(trained, tmp_path, outputs=1.0)
    with service(project) as running, another_worker(project) as doomed:
        running.serving("churn", 1)
        promotion = running.promoted("churn", 2, 1)
        assert (promotion["state"], promotion["champion"], promotion["rollout"]["share"]) == ("rolling_out", 1, 0.3)
        Service.until(lambda: answered(running, 100), lambda found: found[2] > 0)  # counted only once the share holds for all of a count
        assert 80 <= answered(running, 400)[2] <= 160

        turn = 0
        while standing(running, promotion["promotion_id"])["rollout"]["stage"] < 2:
            answered(running, prefix=f"t{turn}-")
            turn += 1
            time.sleep(0.5)
            assert turn < 200
        doomed.send_signal(signal.SIGKILL)
        while standing(running, promotion["promotion_id"])["state"] != "promoted":
            answered(running, prefix=f"t{turn}-")
            turn += 1
            time.sleep(0.5)
            assert turn < 400
        running.serving("churn", 2)
        assert answered(running, 400) == {2: 400}
        done = standing(running, promotion["promotion_id"])

    assert [(each["stage"], each["share"]) for each in done["rollout"]["reached"]] == [(1, 0.3), (2, 0.6)]
    assert [gate["verdict"] for gate in done["rollout"]["guards"]] == ["pass", "pass", "pass", "not_applicable"]
    assert Counter(kind for kind, subject in events(project) if subject.startswith(promotion["promotion_id"])) == {
        Kind.REQUESTED: 1,
        Kind.JUDGED: 1,
        Kind.STAGED: 2,
        Kind.DECIDED: 1,
        Kind.APPLIED: 1,
    }
    assert told(project, "audit", "verify")["events"] > 5
    assert told(project, "rollout", "status")["rollout"]["warm_until"]


def test_answers_that_differ_too_much_give_all_traffic_back_within_seconds(trained: Path, tmp_path: Path) -> None:
    project = under(trained, tmp_path, outputs=0.2)
    with service(project) as running:
        running.serving("churn", 1)
        promotion = running.promoted("churn", 2, 1)
        turn = 0
        while standing(running, promotion["promotion_id"])["state"] == "rolling_out":
            answered(running, prefix=f"t{turn}-")
            turn += 1
            time.sleep(0.5)
            assert turn < 200
        seen, found = time.monotonic(), answered(running, 400)
        while found != {1: 400}:
            found = answered(running, 400)
        back = time.monotonic() - seen
        ended = standing(running, promotion["promotion_id"])

    assert back < 5
    assert (ended["state"], ended["champion"]) == ("stopped", 1)
    assert ended["rollout"]["ended"]["actor"] == "driftgate"
    assert "outputs: total variation" in ended["reasons"][-1]


def test_a_person_stops_a_roll_out_from_the_command_line(trained: Path, tmp_path: Path) -> None:
    project = under(trained, tmp_path, outputs=1.0)
    begun = told(project, "promote", "2")
    shown = told(project, "status")["models"][0]
    looked = told(project, "rollout", "advance")
    stopped = told(project, "rollout", "stop", "--comment", "a hunch")
    again = driftgate(project, "rollout", "stop")

    assert begun["state"] == "rolling_out"
    assert shown["rollout"] == {"promotion_id": begun["promotion_id"], "version": 2, "stage": 1, "share": 0.3}
    assert [(each["came"], each["gates"][0]["verdict"]) for each in looked["looks"]] == [("waited", "undecided")]
    assert (stopped["state"], stopped["rollout"]["share"], stopped["reasons"]) == ("stopped", 0.0, ["a hunch"])
    assert (again.code, "nothing to stop" in again.err) == (1, True)
