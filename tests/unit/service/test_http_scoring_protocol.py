import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.builders import MODEL
from tests.fakes import FakeScorer
from tests.unit.service import apis
from tests.unit.service.apis import Api, an_api

PATH = f"/v1/models/{MODEL}/invocations"
ROWS = {"dataframe_split": {"columns": ["score", "plan", "churned"], "data": [[0.5, "pro", "no"], [None, "basic", "yes"]]}}


@pytest.fixture
def serving(api: Api) -> Api:
    """Version 1 serves, and says yes to everybody with a chance of 0.8."""
    api.book.scorers[1] = FakeScorer(answer=[0.2, 0.8])
    api.promoted(1)
    return api


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    """An API that declares one model only."""
    monkeypatch.setattr(apis, "SETTINGS", apis.SETTINGS.partition("[models.other]")[0])
    return an_api(tmp_path)


def test_rows_get_mlflows_answer_and_are_logged(serving: Api) -> None:
    answer = serving.client.post(PATH, json=ROWS)

    assert (answer.status_code, answer.json()) == (200, {"predictions": [[0.2, 0.8], [0.2, 0.8]]})
    assert [dict(payload.features) for payload in serving.log.waiting.values()] == [
        {"score": 0.5, "plan": "pro"},
        {"score": None, "plan": "basic"},
    ]


def test_csv_is_taken_too(serving: Api) -> None:
    answer = serving.client.post(PATH, content="score,plan\n0.5,pro\n", headers={"Content-Type": "text/csv"})

    assert answer.json() == {"predictions": [[0.2, 0.8]]}


def test_a_large_body_is_taken_too(api: Api) -> None:
    api.book.scorers[1] = FakeScorer(answer=[0.2, 0.8])
    api.promoted(1)
    body = json.dumps({"inputs": [{"score": 0.5, "plan": "pro", "note": "x" * 100} for _ in range(50)]})

    answer = api.client.post(PATH, content=body, headers={"Content-Type": "application/json"})

    assert len(answer.json()["predictions"]) == 50


def test_an_id_that_was_answered_before_gets_its_first_answer(serving: Api) -> None:
    row = {"score": 0.5, "plan": "pro", "entity_id": "c7", "prediction_id": "order-17"}

    for _ in range(2):
        answer = serving.client.post(PATH, json={"dataframe_records": [row]})

    (payload,) = serving.log.waiting.values()
    assert (payload.prediction_id, payload.entity_id, answer.status_code) == ("order-17", "c7", 200)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"inputs": [{"score": "many", "plan": "pro"}]}, "instances[0].features.score"),
        ({"inputs": [{"score": 0.5}]}, "instances[0].features.plan"),
        ({"inputs": []}, "instances"),
    ],
)
def test_a_wrong_row_is_told_in_our_words_and_in_mlflows(serving: Api, body: Any, field: str) -> None:
    answer = serving.client.post(PATH, json=body)

    told = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert (told["title"], told["field"], told["error_code"]) == ("InvalidRequest", field, "BAD_REQUEST")
    assert told["message"] == told["detail"]
    assert not serving.log.waiting


def test_a_type_that_the_protocol_does_not_have_is_415(serving: Api) -> None:
    answer = serving.client.post(PATH, content="x", headers={"Content-Type": "text/plain"})

    assert (answer.status_code, answer.json()["title"]) == (415, "UnsupportedMedia")


def test_without_a_champion_it_is_503_in_mlflows_words_too(api: Api) -> None:
    answer = api.client.post(PATH, json=ROWS)

    assert (answer.status_code, answer.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")


def test_where_several_models_are_declared_the_bare_path_says_where_to_go(serving: Api) -> None:
    answer = serving.client.post("/invocations", json=ROWS)

    assert (answer.status_code, answer.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert "/v1/models/NAME/invocations" in answer.json()["message"]


def test_where_one_model_is_declared_the_bare_path_is_its_own(alone: Api) -> None:
    alone.promoted(1)

    answer = alone.client.post("/invocations", json=ROWS)

    assert len(answer.json()["predictions"]) == 2
    alone.engine.dispose()


@pytest.mark.parametrize("path", ["/ping", "/health"])
def test_ping_says_whether_a_champion_is_loaded(alone: Api, path: str) -> None:
    before = alone.client.get(path).status_code
    alone.promoted(1)

    assert (before, alone.client.get(path).status_code) == (503, 200)
    alone.engine.dispose()


def test_the_version_is_mlflows(api: Api) -> None:
    assert api.client.get("/version").text == version("mlflow")
