import inspect

import pytest

from driftgate.lifecycle import errors
from driftgate.lifecycle.errors import DriftgateError
from driftgate.service.cli.main import exit_code
from driftgate.service.http.problems import located, status_of
from tests.unit.service.apis import Api, rows

EVERY = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, DriftgateError)]

# Written out, so that a new error is a decision about what callers see and not an accident of where it hangs in the tree.
MEANING = {
    "DriftgateError": (500, 1),
    "InvalidConfiguration": (422, 2),
    "InvalidRequest": (422, 2),
    "InvalidData": (422, 1),
    "NotFound": (404, 1),
    "ModelNotFound": (404, 1),
    "VersionNotFound": (404, 1),
    "PromotionNotFound": (404, 1),
    "ReportNotFound": (404, 1),
    "PassNotFound": (404, 1),
    "JobNotFound": (404, 1),
    "Conflict": (409, 1),
    "ChampionMoved": (409, 1),
    "NoChampion": (503, 1),
    "KeyReused": (409, 1),
    "RolloutMoved": (409, 1),
    "WrongState": (409, 1),
    "Busy": (409, 1),
    "Forbidden": (403, 1),
    "Unauthenticated": (401, 1),
    "RateLimited": (429, 1),
    "IntegrityError": (500, 1),
    "DigestMismatch": (500, 1),
    "LedgerBroken": (500, 1),
    "Unavailable": (503, 1),
    "RegistryUnavailable": (503, 1),
    "StoreUnavailable": (503, 1),
    "Overloaded": (503, 1),
}


def test_every_error_of_the_tree_has_a_status_and_an_exit_code() -> None:
    mapped = {kind.__name__: (status_of(kind), exit_code(kind("why"))) for kind in EVERY}

    assert mapped == MEANING


def test_every_named_error_is_answered_as_a_problem_document(api: Api) -> None:
    @api.app.get("/raises/{name}")
    def raises(name: str) -> None:
        raise getattr(errors, name)("say what to do", field="gates.margin")

    answers = {name: api.client.get(f"/raises/{name}") for name in MEANING}

    assert {answer.headers["content-type"] for answer in answers.values()} == {"application/problem+json"}
    assert {name: answer.json() for name, answer in answers.items()} == {
        name: {"type": "about:blank", "title": name, "status": status, "detail": "say what to do", "field": "gates.margin"}
        for name, (status, _) in MEANING.items()
    }
    assert {name: answer.status_code for name, answer in answers.items()} == {name: status for name, (status, _) in MEANING.items()}


def test_an_unexpected_error_is_a_problem_that_tells_no_secret(api: Api) -> None:
    @api.app.get("/raises")
    def raises() -> None:
        raise RuntimeError("postgresql://driftgate:secret@db")

    answer = api.client.get("/raises")

    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert (answer.json()["title"], "secret" in answer.text) == ("InternalError", False)


def test_a_path_without_a_route_is_a_problem_of_status_404(api: Api) -> None:
    answer = api.client.get("/v1/nowhere")

    assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")
    assert answer.json()["detail"] == "GET /v1/nowhere: not found"


def test_a_method_without_a_route_is_told_what_is_allowed(api: Api) -> None:
    answer = api.client.request("PUT", "/readyz")

    assert (answer.status_code, answer.headers["allow"], answer.json()["status"]) == (405, "GET", 405)


def test_broken_json_is_told_where_it_breaks(api: Api) -> None:
    answer = api.client.post("/v1/models/churn/predict", content=b'{"instances": [', headers={"content-type": "application/json"})

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("the body is not JSON: Expecting value at character 15")


@pytest.mark.parametrize("content", [b"", b"[]", b'"text"', b"null"])
def test_a_body_that_is_no_object_is_told_what_to_send(api: Api, content: bytes) -> None:
    answer = api.client.post("/v1/models/churn/predict", content=content, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["detail"]) == (422, "the body must be a JSON object, sent as application/json")


def test_a_body_that_does_not_say_it_is_json_is_refused(api: Api) -> None:
    # A form of any web page can send text; only a script that the browser asked about can send JSON.
    answer = api.client.post("/v1/models/churn/promotions", content=b'{"version":1}', headers={"content-type": "text/plain"})

    assert answer.status_code == 422
    assert api.jobs.queued == {}


def test_an_unknown_key_is_named(api: Api) -> None:
    answer = api.client.post("/v1/models/churn/predict", json={**rows(), "instance": 1})

    assert (answer.status_code, answer.json()["field"]) == (422, "instance")


def test_a_location_reads_as_a_caller_would_write_it() -> None:
    assert located(("body", "instances", 3, "features", "body")) == "instances[3].features.body"
    assert located(("path", "version")) == "version"
    assert located(("body",)) is None
