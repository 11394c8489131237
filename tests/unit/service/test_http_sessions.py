"""Browsers: signing in and out, what a session may, and what the page of another site cannot make it do."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from httpx import Response
from sqlalchemy import select, update

from driftgate.lifecycle.errors import Unauthenticated
from driftgate.lifecycle.flows import promoting
from driftgate.lifecycle.flows.promoting import PromotionRequest
from driftgate.lifecycle.ledger import Kind
from driftgate.service.sessions import Sessions, csrf_token
from driftgate.service.tables import sessions, tokens
from driftgate.service.tokens import Actor, Role
from tests.builders import an_event
from tests.unit.service.apis import HOME, Api

PAGE = {"Accept": "text/html"}


def clear(api: Api, role: Role, name: str = "ada") -> str:
    return api.token(role, name)["Authorization"].removeprefix("Bearer ")


def signed_in(api: Api, role: Role, name: str = "ada") -> str:
    """The secret in the cookie of a browser that signed in with a new token."""
    answer = api.client.post("/sign-in", data={"token": clear(api, role, name)}, headers={"Origin": HOME})
    assert answer.status_code == 303, answer.text
    return answer.cookies["driftgate_session"]


def cookie(session: str) -> dict[str, str]:
    return {"Cookie": f"driftgate_session={session}"}


def ask(api: Api, method: str, path: str, session: str, **options: object) -> Response:
    headers = {**PAGE, **cookie(session), **dict(options.pop("headers", {}))}  # type: ignore[call-overload]
    return api.client.request(method, path, headers=headers, **options)


def test_a_token_signs_in_and_its_session_shows_the_page_that_was_asked_for(guarded: Api) -> None:
    token = clear(guarded, Role.VIEWER)

    asked = guarded.client.get("/v1/models/churn/reports/r1", headers=PAGE)
    answer = guarded.client.post("/sign-in", data={"token": token, "where": "/v1/models/churn/reports/r1"})
    shown = ask(guarded, "GET", answer.headers["location"], answer.cookies["driftgate_session"])

    assert 'name="where" value="/v1/models/churn/reports/r1"' in asked.text
    assert (answer.status_code, shown.status_code) == (303, 200)
    assert "ada" in ask(guarded, "GET", "/", answer.cookies["driftgate_session"]).text


def test_the_cookie_is_read_by_no_script_and_sent_by_no_form_of_another_site(guarded: Api) -> None:
    token = clear(guarded, Role.VIEWER)

    plain = guarded.client.post("/sign-in", data={"token": token}).headers["set-cookie"]
    secure = guarded.client.post("https://127.0.0.1:8000/sign-in", data={"token": token}).headers["set-cookie"]

    for attribute in ("HttpOnly", "SameSite=lax", "Path=/"):
        assert attribute in plain
        assert attribute in secure
    assert "Secure" not in plain
    assert secure.startswith("__Host-driftgate_session=")
    assert "Secure" in secure


def test_neither_cookie_nor_token_is_stored_in_clear(guarded: Api) -> None:
    session = signed_in(guarded, Role.VIEWER)

    with guarded.engine.connect() as connection:
        stored = repr(connection.execute(select(sessions)).all())
    assert session not in stored
    assert csrf_token(session) not in stored


@pytest.mark.parametrize("token", ["", "dg_wrong", "\N{GRINNING FACE}"])
def test_a_wrong_token_opens_no_session(guarded: Api, token: str) -> None:
    answer = guarded.client.post("/sign-in", data={"token": token})

    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
    assert "unknown, expired or revoked" in answer.text


@pytest.mark.parametrize("where", ["//evil.example", "https://evil.example", "/\\evil.example", "/\r\nSet-Cookie: a=b", "evil", "/ä", ""])
def test_signing_in_leads_nowhere_else(guarded: Api, where: str) -> None:
    answer = guarded.client.post("/sign-in", data={"token": clear(guarded, Role.VIEWER), "where": where})

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_the_page_of_another_site_signs_nobody_in(guarded: Api, headers: dict[str, str]) -> None:
    answer = guarded.client.post("/sign-in", data={"token": clear(guarded, Role.VIEWER)}, headers=headers)

    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


def test_a_session_ends_with_its_token(guarded: Api) -> None:
    session = signed_in(guarded, Role.ADMIN)
    before = ask(guarded, "GET", "/", session).status_code

    guarded.parts.tokens.revoke("ada")

    assert (before, ask(guarded, "GET", "/", session).status_code) == (200, 401)
    with guarded.engine.connect() as connection:
        assert connection.execute(select(sessions)).all() == []


def test_a_session_ends_when_its_token_expires(guarded: Api) -> None:
    session = signed_in(guarded, Role.ADMIN)
    with guarded.engine.begin() as connection:
        connection.execute(update(tokens).values(expires=datetime.now(UTC) - timedelta(seconds=1)))

    assert ask(guarded, "GET", "/", session).status_code == 401


def test_signing_out_ends_the_session_for_whoever_has_the_cookie(guarded: Api) -> None:
    session = signed_in(guarded, Role.ADMIN)

    forged = ask(guarded, "POST", "/sign-out", session, data={})
    kept = ask(guarded, "GET", "/", session).status_code
    answer = ask(guarded, "POST", "/sign-out", session, data={"form_token": csrf_token(session)})

    assert (forged.status_code, kept, answer.status_code) == (403, 200, 303)
    assert 'driftgate_session=""' in answer.headers["set-cookie"]
    assert ask(guarded, "GET", "/", session).status_code == 401


def aged(api: Api, **columns: timedelta) -> None:
    with api.engine.begin() as connection:
        connection.execute(update(sessions).values({name: datetime.now(UTC) - age for name, age in columns.items()}))


def test_a_session_ends_idle_and_at_the_end_of_its_life(guarded: Api) -> None:
    session = signed_in(guarded, Role.VIEWER)

    aged(guarded, last_seen=timedelta(minutes=59))
    in_time = ask(guarded, "GET", "/", session).status_code
    aged(guarded, last_seen=timedelta(minutes=61))
    idle = ask(guarded, "GET", "/", session).status_code
    aged(guarded, last_seen=timedelta(), expires=timedelta(seconds=1))
    over = ask(guarded, "GET", "/", session).status_code

    assert (in_time, idle, over) == (200, 401, 401)


def test_a_page_that_loads_itself_again_keeps_nobody_signed_in(guarded: Api) -> None:
    session = signed_in(guarded, Role.VIEWER)
    again = re.search(r'http-equiv="refresh" content="30; url=([^"]+)"', ask(guarded, "GET", "/", session).text)
    assert again is not None
    aged(guarded, last_seen=timedelta(minutes=40))

    by_itself = ask(guarded, "GET", again[1], session).status_code
    with guarded.engine.connect() as connection:
        seen = connection.execute(select(sessions.c.last_seen)).scalar_one()

    assert by_itself == 200
    assert datetime.now(UTC) - seen > timedelta(minutes=39)


def test_ended_sessions_are_cleared_away(guarded: Api) -> None:
    signed_in(guarded, Role.VIEWER)
    aged(guarded, expires=timedelta(seconds=1))

    signed_in(guarded, Role.VIEWER, "bob")

    with guarded.engine.connect() as connection:
        assert connection.execute(select(sessions.c.name)).scalars().all() == ["bob"]


def test_a_session_without_a_token_lives_by_itself(guarded: Api) -> None:
    made = Sessions(guarded.engine, timedelta(hours=1), timedelta(minutes=5))

    session = made.begin(Actor("eve@example.org", Role.APPROVER))

    assert made.holder(session) == Actor("eve@example.org", Role.APPROVER)
    made.end(session)
    with pytest.raises(Unauthenticated):
        made.holder(session)


def awaiting(api: Api, by: str = "bob") -> None:
    """The promotion p1 of version 2, judged, which waits for a person."""
    promoting.request(PromotionRequest("p1", "churn", 2, None, by), api.ledger)
    judged = {"verdict": "pass", "reasons": [], "gates": [], "approval": True}
    api.ledger.append(an_event(Kind.JUDGED, subject="p1", body=judged))


def posts(api: Api, session: str, **fields: str) -> Response:
    return ask(api, "POST", "/models/churn/promotions/p1/reject", session, data=fields, headers={"Origin": HOME})


def test_a_form_without_the_sessions_own_token_decides_nothing(guarded: Api) -> None:
    awaiting(guarded)
    session, other = signed_in(guarded, Role.APPROVER), signed_in(guarded, Role.APPROVER, "bob2")
    before = len(guarded.ledger.stored)

    answers = [posts(guarded, session, **fields) for fields in ({}, {"form_token": "x"}, {"form_token": csrf_token(other)})]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert len(guarded.ledger.stored) == before


def test_a_form_with_it_decides_and_the_ledger_names_the_tokens_holder(guarded: Api) -> None:
    awaiting(guarded)
    session = signed_in(guarded, Role.APPROVER)
    asked = ask(guarded, "GET", "/models/churn/promotions/p1/reject", session)
    form_token = re.search(r'name="form_token" value="(\w+)"', asked.text)
    assert form_token is not None

    answer = posts(guarded, session, form_token=form_token[1], comment="too few rows")

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    last = guarded.ledger.stored[-1]
    assert (last.kind, last.actor) == (Kind.REJECTED, "ada")
    assert "too few rows" in str(last.body)


def test_a_page_of_another_site_decides_nothing_even_with_the_forms_token(guarded: Api) -> None:
    awaiting(guarded)
    session = signed_in(guarded, Role.APPROVER)

    answer = ask(
        guarded, "POST", "/models/churn/promotions/p1/reject", session,
        data={"form_token": csrf_token(session)}, headers={"Origin": "http://evil.example"},
    )  # fmt: skip

    assert answer.status_code == 403
    assert "evil.example" in answer.text


def test_a_session_changes_nothing_over_the_interface_for_programs_without_the_header(guarded: Api) -> None:
    session = signed_in(guarded, Role.APPROVER)
    path, header = "/v1/models/churn/retrain", {"X-CSRF-Token": csrf_token(session)}

    without = guarded.client.post(path, json={}, headers=cookie(session))
    with_it = guarded.client.post(path, json={}, headers=cookie(session) | header)

    assert (without.status_code, with_it.status_code) == (403, 202)


def test_a_session_predicts_with_the_header_only(guarded: Api) -> None:
    session = signed_in(guarded, Role.PREDICTOR)
    guarded.promoted(1)
    body = {"instances": [{"features": {"score": 0.5, "plan": "pro"}}]}

    without = guarded.client.post("/v1/models/churn/predict", json=body, headers=cookie(session))
    with_it = guarded.client.post("/v1/models/churn/predict", json=body, headers=cookie(session) | {"X-CSRF-Token": csrf_token(session)})

    assert (without.status_code, with_it.status_code) == (403, 200)


def test_only_who_may_decide_sees_how(guarded: Api) -> None:
    awaiting(guarded)

    viewer, approver = (ask(guarded, "GET", "/", signed_in(guarded, role, role.name)).text for role in (Role.VIEWER, Role.APPROVER))

    assert "/models/churn/promotions/p1/approve" not in viewer
    assert "/models/churn/promotions/p1/approve" in approver


def test_a_rollback_is_asked_for_and_goes_where_the_page_said(guarded: Api) -> None:
    guarded.promoted(1)
    guarded.promoted(2, 1)
    session = signed_in(guarded, Role.APPROVER)

    asked = ask(guarded, "GET", "/models/churn/rollback", session)
    answer = ask(
        guarded, "POST", "/models/churn/rollback", session, data={"form_token": csrf_token(session), "to": "1", "comment": "worse"}
    )

    assert "version 1 in place of version 2" in asked.text
    assert answer.status_code == 303
    (job,) = guarded.jobs.queued.values()
    assert job[0] == "promotion"


def test_what_goes_wrong_is_a_page_for_a_person(guarded: Api) -> None:
    session = signed_in(guarded, Role.VIEWER)

    answer = ask(guarded, "GET", "/models/churn/rollback", session)

    assert (answer.status_code, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert "needs the role approver" in answer.text


def test_without_tokens_there_is_nothing_to_sign_in_to_and_buttons_work(api: Api) -> None:
    awaiting(api)

    page = api.client.get("/sign-in")
    answer = api.client.post("/models/churn/promotions/p1/reject", data={"comment": "no"}, headers={"Origin": HOME})
    other = api.client.post("/models/churn/promotions/p1/reject", data={}, headers={"Origin": "http://evil.example"})

    assert (page.status_code, answer.status_code, other.status_code) == (303, 303, 403)
    assert api.ledger.stored[-1].kind is Kind.REJECTED


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"token=a&token=b", "application/x-www-form-urlencoded"),
        (b"token=%ff", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % n for n in range(50)), "application/x-www-form-urlencoded"),
        (b'{"token": "a"}', "application/json"),
        (b"token=a", ""),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(guarded: Api, body: bytes, media: str) -> None:
    answer = guarded.client.post("/sign-in", content=body, headers={"Content-Type": media})

    assert answer.status_code == 422


def test_pages_are_kept_by_nobody(guarded: Api) -> None:
    session = signed_in(guarded, Role.VIEWER)

    for answer in (ask(guarded, "GET", "/", session), guarded.client.get("/sign-in")):
        assert answer.headers["cache-control"] == "no-store"
        assert "form-action 'self'" in answer.headers["content-security-policy"]
        assert "script-src" not in answer.headers["content-security-policy"]
