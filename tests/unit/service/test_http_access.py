"""Every route, asked without a token and with a token of every role."""

import base64
import importlib
import pkgutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlalchemy import update
from starlette.routing import Route

from driftgate.lifecycle.errors import StoreUnavailable
from driftgate.service import http
from driftgate.service.database import connect
from driftgate.service.serving.known_tokens import KnownTokens
from driftgate.service.tables import tokens
from driftgate.service.tokens import Actor, Role, Tokens
from tests.unit.service.apis import Api, an_api, rows

MODEL = "/v1/models/churn"

OUTCOME = {"value": "yes", "observed_at": "2026-01-01T00:00Z", "prediction_id": "a"}

INPUTS = {"inputs": [{"score": 0.5, "plan": "pro"}]}

FORM = {"to": "1", "comment": "as agreed"}

# The least role of each route, and a good body for it. None: open to everybody.
ROUTES: dict[tuple[str, str], tuple[Role | None, object]] = {
    ("POST", "/v1/models/{model}/predict"): (Role.PREDICTOR, rows()),
    ("POST", "/v1/models/{model}/outcomes"): (Role.PREDICTOR, {"outcomes": [OUTCOME]}),
    ("POST", "/v1/models/{model}/retrain"): (Role.TRAINER, {}),
    ("POST", "/v1/models/{model}/versions/{version}/gates"): (Role.TRAINER, None),
    ("POST", "/v1/models/{model}/versions/{version}/simulation"): (Role.TRAINER, None),
    ("POST", "/v1/models/{model}/drift"): (Role.TRAINER, {}),
    ("POST", "/v1/models/{model}/promotions"): (Role.TRAINER, {"version": 2, "expected_champion": 1}),
    ("POST", "/v1/models/{model}/rollback"): (Role.APPROVER, {}),
    ("POST", "/v1/models/{model}/promotions/{promotion_id}/approve"): (Role.APPROVER, {}),
    ("POST", "/v1/models/{model}/promotions/{promotion_id}/reject"): (Role.APPROVER, {}),
    ("POST", "/v1/models/{model}/promotions/{promotion_id}/stop"): (Role.APPROVER, {}),
    ("GET", "/v1/models/{model}/promotions"): (Role.VIEWER, None),
    ("GET", "/v1/models/{model}/promotions/{promotion_id}"): (Role.VIEWER, None),
    ("GET", "/v1/models/{model}/policy"): (Role.VIEWER, None),
    ("POST", "/v1/models/{model}/policy"): (Role.TRAINER, {"comment": "as agreed"}),
    ("GET", "/v1/models/{model}/versions"): (Role.VIEWER, None),
    ("GET", "/v1/models/{model}/versions/{version}"): (Role.VIEWER, None),
    ("GET", "/v1/models/{model}/versions/{version}/card"): (Role.VIEWER, None),
    ("GET", "/v1/models/{model}/reports"): (Role.VIEWER, None),
    ("GET", "/v1/models/{model}/reports/{report_id}"): (Role.VIEWER, None),
    ("GET", "/v1/models/{model}/passes"): (Role.VIEWER, None),
    ("GET", "/v1/models/{model}/passes/{pass_id}"): (Role.VIEWER, None),
    ("GET", "/v1/models/{model}/findings"): (Role.VIEWER, None),
    ("GET", "/v1/models/{model}/alarms"): (Role.VIEWER, None),
    ("POST", "/v1/models/{model}/monitor"): (Role.TRAINER, {}),
    ("GET", "/v1/models/{model}/impact"): (Role.VIEWER, None),
    ("GET", "/v1/jobs/{job_id}"): (Role.VIEWER, None),
    ("GET", "/v1/models/{model}/schema"): (Role.VIEWER, None),
    ("POST", "/v1/models/{model}/challenger"): (Role.APPROVER, {"version": 2}),
    ("POST", "/v1/models/{model}/invocations"): (Role.PREDICTOR, INPUTS),
    ("POST", "/invocations"): (Role.PREDICTOR, INPUTS),
    ("GET", "/v1/status"): (Role.VIEWER, None),
    ("GET", "/metrics"): (Role.VIEWER, None),
    ("GET", "/"): (Role.VIEWER, None),
    ("GET", "/sign-in"): (None, None),
    ("POST", "/sign-in"): (None, None),
    ("GET", "/sign-in/provider"): (None, None),
    ("GET", "/sign-in/provider/done"): (None, None),
    ("POST", "/sign-out"): (None, None),
    ("GET", "/models/{model}/promotions/{promotion_id}/{answer}"): (Role.APPROVER, None),
    ("POST", "/models/{model}/promotions/{promotion_id}/{answer}"): (Role.APPROVER, FORM),
    ("GET", "/models/{model}/rollback"): (Role.APPROVER, None),
    ("POST", "/models/{model}/rollback"): (Role.APPROVER, FORM),
    ("GET", "/healthz"): (None, None),
    ("GET", "/readyz"): (None, None),
    ("GET", "/ping"): (None, None),
    ("GET", "/health"): (None, None),
    ("GET", "/version"): (None, None),
}  # fmt: skip
CLOSED = {key: needed for key, (needed, _) in ROUTES.items() if needed is not None}
VALUES = {
    "model": "churn",
    "version": "1",
    "promotion_id": "p-none",
    "report_id": "r1",
    "job_id": "j-none",
    "pass_id": "m-none",
    "answer": "approve",
}


@dataclass
class Matrix:
    """One guarded API with a token of every role."""

    api: Api
    headers: dict[Role, dict[str, str]]

    def ask(self, route: tuple[str, str], headers: dict[str, str]) -> tuple[int, str]:
        """The status and the title of the problem, if there is one."""
        (method, path), body = route, ROUTES[route][1]
        sent: dict[str, object] = {"data": body} if body is FORM else {"json": body}
        answer = self.api.client.request(method, path.format(**VALUES), headers=headers, **sent)
        problem = answer.headers.get("content-type") == "application/problem+json"
        return answer.status_code, answer.json()["title"] if problem else ""


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    api = an_api(tmp_path_factory.mktemp("matrix"), auth="token")
    api.promoted(1)
    yield Matrix(api, {role: dict(api.token(role)) for role in Role})
    api.engine.dispose()


def routes() -> Iterator[tuple[tuple[str, str], APIRoute]]:
    """Every route of the HTTP package, by method and path."""
    for info in pkgutil.iter_modules(http.__path__):
        for router in vars(importlib.import_module(f"{http.__name__}.{info.name}")).values():
            if isinstance(router, APIRouter):
                yield from (
                    ((method, route.path), route) for route in router.routes if isinstance(route, APIRoute) for method in route.methods
                )


def roles(dependant: Dependant) -> Iterator[Role]:
    for each in dependant.dependencies:
        if (role := getattr(each.call, "role", None)) is not None:
            yield role
        yield from roles(each)


def test_every_route_is_in_the_matrix_with_the_role_that_it_names() -> None:
    named = {key: list(roles(route.dependant)) for key, route in routes()}

    assert named == {key: [] if needed is None else [needed] for key, (needed, _) in ROUTES.items()}


def test_what_the_api_documents_is_in_the_matrix(matrix: Matrix) -> None:
    paths = matrix.api.app.openapi()["paths"]

    assert {(method.upper(), path) for path, methods in paths.items() for method in methods} < set(ROUTES)


def test_nothing_else_is_open_but_the_description_of_the_api(matrix: Matrix) -> None:
    plain = {route.path for route in matrix.api.app.routes if isinstance(route, Route) and not isinstance(route, APIRoute)}

    assert plain == {"/docs", "/docs/oauth2-redirect", "/openapi.json", "/redoc"}


@pytest.mark.parametrize("route", CLOSED, ids=" ".join)
def test_no_token_is_401(matrix: Matrix, route: tuple[str, str]) -> None:
    assert matrix.ask(route, {}) == (401, "Unauthenticated")


@pytest.mark.parametrize("route", CLOSED, ids=" ".join)
def test_a_lesser_role_is_403(matrix: Matrix, route: tuple[str, str]) -> None:
    lesser = [role for role in Role if role < CLOSED[route]]

    answers = {role: matrix.ask(route, matrix.headers[role]) for role in lesser}

    assert answers == dict.fromkeys(lesser, (403, "Forbidden"))


@pytest.mark.parametrize("route", CLOSED, ids=" ".join)
def test_the_role_itself_and_every_greater_one_may(matrix: Matrix, route: tuple[str, str]) -> None:
    allowed = [role for role in Role if role >= CLOSED[route]]

    answers = {role: matrix.ask(route, matrix.headers[role]) for role in allowed}

    unknown = {f"{what}NotFound" for what in ("Promotion", "Job", "Pass", "Version", "Model", "Report")}
    wrong = {401, 403, 422, 500}
    if route[1] == "/models/{model}/rollback":
        # There is nothing to go back to, which only those are told who may ask.
        unknown, wrong = {"InvalidRequest", "VersionNotFound"}, wrong - {422}
    assert {title for _, title in answers.values()} <= {"", *unknown}
    assert not wrong & {status for status, _ in answers.values()}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_liveness_and_readiness_need_no_token(matrix: Matrix, path: str) -> None:
    assert matrix.api.client.get(path).status_code == 200


def test_who_may_not_ask_does_not_learn_which_models_there_are(matrix: Matrix) -> None:
    known, unknown = (matrix.api.client.get(f"/v1/models/{name}/versions") for name in ("churn", "nonsense"))

    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Bearer dg_wrong", "Basic !", "Basic", "Digest x", "dg_wrong", "Basic /w=="])
def test_a_wrong_token_is_401(matrix: Matrix, value: str) -> None:
    answer = matrix.api.client.get("/v1/status", headers={"Authorization": value})

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def basic(headers: dict[str, str]) -> dict[str, str]:
    token = headers["Authorization"].removeprefix("Bearer ")
    return {"Authorization": "Basic " + base64.b64encode(f"anyone:{token}".encode()).decode()}


def test_a_browser_is_asked_to_sign_in_and_may_also_send_a_password(matrix: Matrix) -> None:
    page = {"Accept": "text/html,*/*"}

    asked = matrix.api.client.get("/", headers=page)
    shown = matrix.api.client.get("/", headers=page | basic(matrix.headers[Role.VIEWER]))

    assert (asked.status_code, asked.headers["www-authenticate"]) == (401, "Bearer")
    assert 'action="/sign-in"' in asked.text
    assert shown.status_code == 200


def test_what_a_browser_sends_along_unasked_decides_nothing(matrix: Matrix) -> None:
    answer = matrix.api.client.post(f"{MODEL}/rollback", json={}, headers=basic(matrix.headers[Role.ADMIN]))

    assert answer.status_code == 401


def test_a_revoked_token_decides_nothing_from_then_on(guarded: Api) -> None:
    header = guarded.token(Role.ADMIN, "ada")
    before = guarded.client.get("/v1/status", headers=header).status_code

    guarded.parts.tokens.revoke("ada")

    answer = guarded.client.post("/v1/models/churn/retrain", json={}, headers=header)
    assert (before, answer.status_code) == (200, 401)


def test_a_revoked_token_reads_and_predicts_nothing_after_the_next_refresh(guarded: Api) -> None:
    header = guarded.token(Role.ADMIN, "ada")
    before = guarded.client.get("/v1/status", headers=header).status_code
    guarded.parts.tokens.revoke("ada")

    guarded.parts.known.refresh()

    assert (before, guarded.client.get("/v1/status", headers=header).status_code) == (200, 401)


def test_a_database_that_refuses_does_not_end_the_following_of_revoked_tokens(guarded: Api) -> None:
    header = guarded.token(Role.PREDICTOR, "ada")
    guarded.client.get("/v1/status", headers=header)
    with guarded.engine.begin() as connection:
        tokens.drop(connection)

    guarded.parts.known.refresh()

    assert guarded.parts.known.find(header["Authorization"].removeprefix("Bearer ")) == Actor("ada", Role.PREDICTOR)


def test_a_known_token_predicts_while_the_database_is_down_and_after_a_restart(guarded: Api, tmp_path: Path) -> None:
    header = guarded.token(Role.PREDICTOR, "ada")
    guarded.client.get("/v1/status", headers=header)
    clear = header["Authorization"].removeprefix("Bearer ")
    nowhere = connect("postgresql+psycopg://postgres@127.0.0.1:1/none")

    known = KnownTokens(Tokens(nowhere), tmp_path / "serving" / "tokens.json")
    known.refresh()

    assert known.find(clear) == Actor("ada", Role.PREDICTOR)
    with pytest.raises(StoreUnavailable):
        known.ask(clear)


def test_a_token_that_was_revoked_while_nobody_served_is_forgotten_at_the_start(guarded: Api, tmp_path: Path) -> None:
    header = guarded.token(Role.PREDICTOR, "ada")
    guarded.client.get("/v1/status", headers=header)
    guarded.parts.tokens.revoke("ada")
    known = KnownTokens(guarded.parts.tokens, tmp_path / "serving" / "tokens.json")
    clear = header["Authorization"].removeprefix("Bearer ")
    before = known.find(clear)

    known.start()

    deadline = time.monotonic() + 4.5
    while known.find(clear) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    after = known.find(clear)
    known.stop()
    assert (before, after) == (Actor("ada", Role.PREDICTOR), None)


def test_an_expired_token_is_401(guarded: Api) -> None:
    header = guarded.token(Role.ADMIN, "ada")
    with guarded.engine.begin() as connection:
        connection.execute(update(tokens).values(expires=datetime(2026, 1, 1, tzinfo=UTC)))

    answer = guarded.client.get("/v1/status", headers=header)

    assert answer.status_code == 401


def test_the_ledger_names_the_token_not_what_the_caller_says(guarded: Api) -> None:
    header = guarded.token(Role.TRAINER, "ada")

    guarded.client.post(f"{MODEL}/promotions", json={"version": 1, "expected_champion": None}, headers=header)

    assert [event.actor for event in guarded.ledger.stored] == ["ada"]


def test_without_tokens_a_name_that_points_here_is_not_answered(api: Api) -> None:
    answer = api.client.get("/v1/status", headers={"Host": "evil.example:8000"})

    assert (answer.status_code, answer.json()["title"]) == (403, "Forbidden")


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:9", "[::1]:8000", "127.0.0.1"])
def test_without_tokens_every_name_of_this_machine_is_answered(api: Api, host: str) -> None:
    assert api.client.get("/v1/status", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:5000", "null"])
def test_without_tokens_the_page_of_another_site_decides_nothing(api: Api, origin: str) -> None:
    answer = api.client.post(f"{MODEL}/versions/1/gates", headers={"Origin": origin})

    assert (answer.status_code, api.jobs.queued) == (403, {})


def test_without_tokens_a_page_of_this_service_may_decide(api: Api) -> None:
    answer = api.client.post(f"{MODEL}/versions/1/gates", headers={"Origin": "http://127.0.0.1:8000"})

    assert answer.status_code == 202
