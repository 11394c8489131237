"""A roll-out over HTTP: shown stage by stage, and stopped by an approver."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from driftgate.lifecycle.flows import policing, promoting, rolling_out
from driftgate.lifecycle.flows.promoting import PromotionRequest
from driftgate.lifecycle.measurements_rollout import Failures
from driftgate.lifecycle.policy import Policy
from driftgate.service.application import Application
from driftgate.service.rollouts.tending import Tending
from driftgate.service.work import run_promotion
from tests.fakes import FakeGauge
from tests.unit.service.apis import Api, an_api

MODEL = "/v1/models/churn"
POLICY = Policy(rollout_stages=(0.05, 0.25, 1.0), rollout_minutes=0.0)
BROKEN = Failures(rows=40, failed=30, turned_away=0, beside_rows=900, beside_failed=0, lower=0.2, upper=0.01)


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Api]:
    """With a channel that messages wait for."""
    made = an_api(tmp_path, alerts='channels = ["json://127.0.0.1:9/hook"]')
    yield made
    made.engine.dispose()


def begun(api: Api) -> dict[str, Any]:
    """Version 2 at the first stage over version 1."""
    api.promoted(1)
    policing.apply("churn", POLICY, "ada", "", api.ledger, may_loosen=True)
    asked = promoting.request(PromotionRequest("p1", "churn", 2, 1, "ada"), api.ledger)
    return run_promotion(api.parts.app, asked.id, Policy())


def tending(api: Api, gauge: FakeGauge) -> Application:
    app = api.parts.app
    return replace(app, rollouts=Tending(app.desk, gauge, app.alerts))


def told(api: Api) -> list[str]:
    return sorted(notice.title for notice in api.watched.notices())


def test_a_roll_out_is_shown_with_its_stages_and_shares(api: Api) -> None:
    document = begun(api)

    assert (document["state"], document["champion"], document["stages"]) == ("rolling_out", 1, [0.05, 0.25, 1.0])
    shown = api.client.get(f"{MODEL}/promotions/p1").json()
    assert shown == document
    assert [(each["stage"], each["share"]) for each in shown["rollout"]["reached"]] == [(1, 0.05)]
    standing = api.client.get("/v1/status").json()["models"][0]
    assert standing["rollout"] == {"promotion_id": "p1", "version": 2, "stage": 1, "share": 0.05}


def test_a_promotion_without_stages_has_no_roll_out(api: Api) -> None:
    asked = promoting.request(PromotionRequest("p1", "churn", 1, None, "ada"), api.ledger)

    document = run_promotion(api.parts.app, asked.id, Policy())

    assert (document["state"], document["stages"], document["rollout"]) == ("promoted", [], None)


def test_an_approver_stops_it_and_a_repeat_answers_the_same(api: Api) -> None:
    begun(api)

    stopped = api.client.post(f"{MODEL}/promotions/p1/stop", json={"comment": "a hunch"})
    again = api.client.post(f"{MODEL}/promotions/p1/stop", json={"comment": "another"})

    assert (stopped.status_code, stopped.json()["state"], stopped.json()["reasons"]) == (200, "stopped", ["a hunch"])
    assert stopped.json()["rollout"]["share"] == 0.0
    assert again.json() == stopped.json()


def test_what_is_not_rolling_out_cannot_be_stopped(api: Api) -> None:
    asked = promoting.request(PromotionRequest("p1", "churn", 1, None, "ada"), api.ledger)
    run_promotion(api.parts.app, asked.id, Policy())

    answer = api.client.post(f"{MODEL}/promotions/p1/stop", json={})

    assert (answer.status_code, answer.json()["title"]) == (409, "WrongState")


def test_people_are_told_of_each_stage_and_of_the_end_once(heard: Api) -> None:
    begun(heard)
    app = tending(heard, FakeGauge())
    for _ in range(4):
        app.rollouts.tend("churn", thorough=True)

    titles = told(heard)
    assert any("rolled out to 25%" in title for title in titles)
    assert any("is the champion after its roll-out" in title for title in titles)
    assert len(titles) == len(set(titles))
    assert heard.ledger.champion("churn") == 2


def test_a_stop_by_the_guards_is_told_even_where_whoever_stopped_it_died_before_telling(heard: Api) -> None:
    begun(heard)
    rolling_out.look("p1", heard.parts.app.desk, FakeGauge(failed=BROKEN))
    assert told(heard) == []

    tending(heard, FakeGauge()).rollouts.tend("churn")

    assert ["was stopped" in title for title in told(heard)] == [True]


@pytest.mark.parametrize("stages", [[0.05], [0.25, 0.05, 1.0], [0.5, 0.5, 1.0], [0.05, 0.25], [0.0, 1.0], [0.5, 1.5]])
def test_stages_that_do_not_rise_to_one_are_refused_by_name(stages: list[float]) -> None:
    from pydantic import ValidationError

    from driftgate.service.settings_gates import GatesTable

    with pytest.raises(ValidationError, match="rollout_stages"):
        GatesTable.model_validate_json(f'{{"rollout_stages": {stages}}}')
