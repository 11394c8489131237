"""What somebody tries who has no token, a token that ended, or a path out of where reports are kept; over real HTTP, with real parts."""

import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert

from driftgate.lifecycle.ports import Report
from driftgate.registry.tables import reports
from driftgate.service.tokens import Role
from tests.integration.service.served import Served, served

MARK = "what only the owner of this machine may read"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("attacks")
    (folder / "secret.html").write_text(MARK)
    with served(folder) as running:
        yield running


def raw(api: Served, path: str, role: Role | None = Role.ADMIN) -> tuple[int, str]:
    """The answer to exactly this path: no client library tidies it up."""
    host = api.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=30)
    try:
        connection.putrequest("GET", path, skip_accept_encoding=True)
        for name, value in ({} if role is None else api.header(role)).items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def kept(api: Served, report_id: str = "r1") -> Report:
    """A report of version 1 that is really kept."""
    folder = api.running.app.settings.project / "made"
    folder.mkdir(exist_ok=True)
    (folder / "report.html").write_text("<title>drift</title>")
    report = Report(
        id=report_id, model=api.model, version=1, kind="drift", created=datetime.now(UTC), verdict="pass", summary={"rows": 1},
        files={"html": "report.html"},
    )  # fmt: skip
    return api.running.registry.keep(report, str(folder))


OUT = (
    "../../../../../../secret.html", "..%2f..%2f..%2f..%2fsecret.html", "%2e%2e/%2e%2e/%2e%2e/secret.html", "..%5c..%5csecret.html",
    "..%252f..%252fsecret.html", "r1%2f..%2f..%2f..%2fsecret.html", "r1/../../../secret.html", "%2fetc%2fpasswd", "r1%00.html",
    "....//....//secret.html", "..;/secret.html", "%c0%ae%c0%ae/secret.html", "r1?format=../../secret.html", "r1?format=%2e%2e",
)  # fmt: skip


def test_no_path_leads_out_of_where_reports_are_kept(api: Served) -> None:
    kept(api)
    good = raw(api, f"/v1/models/{api.model}/reports/r1")

    answers = {path: raw(api, f"/v1/models/{api.model}/reports/{path}") for path in OUT}

    assert good == (200, "<title>drift</title>")
    assert {path: status for path, (status, _) in answers.items() if status not in (404, 422)} == {}
    assert [path for path, (_, body) in answers.items() if MARK in body or "root:" in body] == []


@pytest.mark.parametrize("named", ["../../secret.html", "/etc/passwd", "reports/r1/report.html", "reports/evil/../../secret.html"])
def test_a_row_that_names_a_file_elsewhere_is_not_followed(api: Served, named: str) -> None:
    report_id = f"evil{abs(hash(named)) % 10**8}"
    row = {
        "id": report_id, "model": api.model, "version": 1, "kind": "drift", "created": datetime.now(UTC), "verdict": "pass",
        "summary": "{}", "files": json.dumps({"html": named}),
    }  # fmt: skip
    with api.running.engine.begin() as connection:
        connection.execute(insert(reports).values(row))

    status, body = raw(api, f"/v1/models/{api.model}/reports/{report_id}")

    assert status == 404
    assert MARK not in body


@pytest.mark.parametrize(
    "path", ["//evil.example/", "/%2e%2e/", "/v1/models/..%2f..%2f/versions", "/docs/../v1/status", "/healthz/../v1/status"]
)
def test_no_spelling_of_a_path_gets_past_the_token(api: Served, path: str) -> None:
    assert raw(api, path, role=None)[0] in (401, 404, 405)


def test_a_revoked_token_is_of_no_use_from_the_next_request_on(api: Served) -> None:
    clear = api.running.tokens.create("mallory", Role.ADMIN)
    header = {"Authorization": f"Bearer {clear}"}
    paths = ("versions/1/gates", "retrain", "rollback", "promotions")
    with httpx.Client(base_url=f"{api.url}/v1/models/{api.model}", headers=header, timeout=60) as client:
        used = client.post("/versions/1/gates").status_code
        browser = client.post(f"{api.url}/sign-in", data={"token": clear}).cookies

        api.running.tokens.revoke("mallory")

        replayed = {path: client.post(f"/{path}", json={}).status_code for path in paths}
    with httpx.Client(base_url=api.url, cookies=browser, timeout=60) as client:
        session = client.get("/").status_code
        again = client.post("/sign-in", data={"token": clear}).status_code

    assert used == 202
    assert replayed == dict.fromkeys(paths, 401)
    assert (session, again) == (401, 401)


def test_a_token_in_a_query_a_cookie_or_a_body_is_none(api: Served) -> None:
    clear = api.tokens[Role.ADMIN]
    with httpx.Client(base_url=api.url, timeout=60) as client:
        answers = [
            client.get("/v1/status", params={"token": clear, "access_token": clear}),
            client.get("/v1/status", headers={"Cookie": f"driftgate_session={clear}"}),
            client.request("GET", "/v1/status", json={"token": clear}),
            client.get("/v1/status", headers={"Authorization": clear}),
            client.get("/v1/status", headers={"Authorization": f"Bearer {clear.upper()}"}),
            client.get("/v1/status", headers={"X-Forwarded-User": "admin", "X-Remote-User": "admin"}),
        ]

    assert [answer.status_code for answer in answers] == [401] * 6


def test_the_file_of_known_tokens_holds_no_token(api: Served) -> None:
    httpx.get(f"{api.url}/v1/status", headers=api.header(Role.VIEWER), timeout=60)

    text = (Path(api.running.app.settings.state) / "serving" / "tokens.json").read_text()

    assert not any(clear in text for clear in api.tokens.values())
