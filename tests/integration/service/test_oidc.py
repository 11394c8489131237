"""People whom an OpenID provider names: sign-in at a real provider's process, and access tokens of an issuer over real HTTP."""

import base64
import hmac
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.service import oidc
from driftgate.service.settings import load
from tests.e2e.services import free_port
from tests.unit.service.apis import HOME, SETTINGS, Api, an_api

SECRET = "the-secret-of-the-client"
PAGE = {"Accept": "text/html"}
OIDC = """
[service.oidc]
issuer = "{issuer}"
client_id = "driftgate"
public_url = "{home}"
role_claim = "realm_access.roles"
audience = "driftgate-api"
{more}

[service.oidc.roles]
viewer = ["ml"]
approver = ["ml-approvers", "ml-leads"]
"""
USERS: tuple[dict[str, Any], ...] = (
    {"sub": "1", "preferred_username": "ana", "realm_access": {"roles": ["ml", "ml-leads"]}},
    {"sub": "2", "preferred_username": "bob", "realm_access": {"roles": ["sales"]}},
    {"sub": "3", "realm_access": {"roles": ["ml"]}},
)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The issuer's address: an OpenID provider as a process of its own."""
    port = free_port()
    users = [word for user in USERS for word in ("--user-claims", json.dumps(user))]
    log = tmp_path_factory.mktemp("provider") / "log.txt"
    with log.open("wb") as stream:
        command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", *users]
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            assert process.poll() is None, log.read_text()
            try:
                httpx.get(f"http://localhost:{port}/.well-known/openid-configuration", timeout=10)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(30)


def api_of(folder: Path, issuer: str) -> Api:
    text = OIDC.format(issuer=issuer, home=HOME, more='client_secret = "env:OIDC"')
    return an_api(folder, auth="token", service=text, environment={"OIDC": SECRET})


@pytest.fixture
def api(tmp_path: Path, provider: str) -> Iterator[Api]:
    made = api_of(tmp_path, provider)
    yield made
    made.engine.dispose()


@dataclass
class Browser:
    """A browser with its cookies, at our service and at the provider."""

    api: Api
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str) -> httpx.Response:
        header = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}
        answer = self.api.client.get(path, headers=PAGE | header)
        self.cookies.update(answer.cookies)
        return answer

    def at_provider(self, **answer: str) -> str:
        """The address, below ours, that the provider sends the browser back to."""
        there = self.get("/sign-in/provider").headers["location"]
        back = httpx.post(there, data=answer, timeout=30).headers["location"]
        assert back.startswith(f"{HOME}/sign-in/provider/done?")
        return back.removeprefix(HOME)


def test_somebody_of_the_organisation_signs_in_with_the_role_of_the_claims(api: Api) -> None:
    browser = Browser(api)

    done = browser.get(browser.at_provider(sub="1"))
    shown = browser.get("/")

    assert (done.status_code, done.headers["location"], shown.status_code) == (303, "/", 200)
    assert "oidc:ana" in shown.text
    assert "(approver)" in shown.text
    assert browser.get("/models/churn/rollback").status_code != 403


def test_the_way_to_the_provider_carries_a_challenge_and_no_secret(tmp_path: Path, provider: str) -> None:
    (tmp_path / "p").mkdir()
    text = SETTINGS.format(auth="token", alerts="", service=OIDC.format(issuer=provider, home=HOME, more='client_secret = "env:OIDC"'))
    (tmp_path / "p" / "driftgate.toml").write_text(text, encoding="utf-8")
    settings = load(tmp_path / "p", {"OIDC": SECRET})
    assert settings.service.oidc is not None
    attempt = oidc.Attempt.new()

    address = oidc.Provider(settings.service.oidc).address(attempt)

    asked = parse_qs(urlsplit(address).query)
    assert (asked["code_challenge_method"], asked["response_type"], asked["state"]) == (["S256"], ["code"], [attempt.state])
    assert attempt.verifier not in address
    assert SECRET not in address + repr(settings)


def test_who_has_no_role_here_gets_no_session(api: Api) -> None:
    browser = Browser(api)

    done = browser.get(browser.at_provider(sub="2"))

    assert (done.status_code, "driftgate_session" in done.cookies) == (403, False)
    assert "bob has no role here" in done.text


def test_who_has_no_name_gets_no_session(api: Api) -> None:
    browser = Browser(api)

    done = browser.get(browser.at_provider(sub="3"))

    assert (done.status_code, "driftgate_session" in done.cookies) == (403, False)


def test_another_browsers_way_back_signs_nobody_in(api: Api) -> None:
    mallory, victim = Browser(api), Browser(api)
    back = mallory.at_provider(sub="1")
    victim.get("/sign-in/provider")

    begun, never_begun = victim.get(back), Browser(api).get(back)

    assert (begun.status_code, never_begun.status_code) == (403, 403)
    assert "driftgate_session" not in begun.cookies
    assert "driftgate_session" not in never_begun.cookies


def test_a_code_counts_once(api: Api) -> None:
    browser = Browser(api)
    back = browser.at_provider(sub="1")
    cookies = dict(browser.cookies)
    first = browser.get(back)

    second = Browser(api, cookies).get(back)

    assert (first.status_code, second.status_code) == (303, 401)


def test_a_token_of_another_attempt_is_refused(api: Api) -> None:
    browser = Browser(api)
    back = browser.at_provider(sub="1")
    state, nonce, verifier = browser.cookies["driftgate_sign_in"].split(".")
    browser.cookies["driftgate_sign_in"] = f"{state}.{nonce}x.{verifier}"

    assert browser.get(back).status_code == 401


def test_who_says_no_at_the_provider_gets_no_session(api: Api) -> None:
    browser = Browser(api)

    # This provider forgets the state of an attempt that it denies, as it should not.
    back = browser.at_provider(sub="1", action="deny")
    forgotten = Browser(api, dict(browser.cookies)).get(back)
    state = browser.cookies["driftgate_sign_in"].partition(".")[0]
    done = browser.get(f"/sign-in/provider/done?error=access_denied&state={state}")

    assert "error=access_denied" in back
    assert (forgotten.status_code, done.status_code) == (403, 401)
    assert "did not sign you in" in done.text
    assert "driftgate_session" not in browser.cookies


def test_a_provider_that_is_down_is_503_and_tokens_go_on(tmp_path: Path) -> None:
    api = api_of(tmp_path, f"http://127.0.0.1:{free_port()}")

    assert api.client.get("/sign-in/provider").status_code == 503
    assert "Sign in with your organisation" in api.client.get("/sign-in").text
    api.engine.dispose()


def test_without_a_provider_there_is_no_way_to_one(tmp_path: Path) -> None:
    api = an_api(tmp_path, auth="token")

    assert {api.client.get(path).status_code for path in ("/sign-in/provider", "/sign-in/provider/done?code=a&state=b")} == {404}
    assert "organisation" not in api.client.get("/sign-in").text
    api.engine.dispose()


def test_missing_packages_are_missed_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "find_spec", lambda _: None)

    with pytest.raises(InvalidConfiguration, match=r"pip install \"driftgate\[oidc\]\""):
        api_of(tmp_path, "https://id.example")


# Access tokens as bearer tokens


@dataclass
class Issuer:
    """An issuer that signs with `keys[0]` and publishes `keys`."""

    url: str
    keys: list[RSAKey]

    def token(self, key: Any = None, alg: str = "RS256", typ: str = "at+jwt", **changes: Any) -> str:
        claims = {
            "iss": self.url, "aud": "driftgate-api", "exp": int(time.time()) + 60, "preferred_username": "ana",
            "realm_access": {"roles": ["ml"]},
        } | changes  # fmt: skip
        key = key or self.keys[0]
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": alg, "typ": typ, "kid": key.kid}, claims, key, algorithms=[alg])


def a_key() -> RSAKey:
    return RSAKey.generate_key(2048, auto_kid=True)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    made = Issuer("", [a_key()])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            documents: dict[str, Any] = {
                "/.well-known/openid-configuration": {"issuer": made.url, "jwks_uri": f"{made.url}/jwks"},
                "/jwks": {"keys": [key.as_dict(private=False) for key in made.keys]},
            }
            body = json.dumps(documents[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def bearing(tmp_path: Path, issuer: Issuer) -> Iterator[Api]:
    made = api_of(tmp_path, issuer.url)
    yield made
    made.engine.dispose()


def status(api: Api, token: str, method: str = "GET", path: str = "/v1/status") -> int:
    return api.client.request(method, path, headers={"Authorization": f"Bearer {token}"}, json={} if method == "POST" else None).status_code


def test_an_access_token_reads_and_decides_as_its_roles_allow(bearing: Api, issuer: Issuer) -> None:
    viewer, approver = issuer.token(), issuer.token(realm_access={"roles": ["ml-leads"]})

    assert (status(bearing, viewer), status(bearing, viewer, "POST", "/v1/models/churn/retrain")) == (200, 403)
    assert status(bearing, approver, "POST", "/v1/models/churn/retrain") == 202
    assert status(bearing, issuer.token(realm_access={"roles": ["admin"]})) == 403


def unsigned(issuer: Issuer) -> str:
    header = encoded(b'{"alg":"none","typ":"at+jwt"}')
    return f"{header}.{issuer.token().split('.')[1]}."


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def signed_with_the_public_key(issuer: Issuer) -> str:
    header, public = {"alg": "HS256", "typ": "at+jwt", "kid": issuer.keys[0].kid}, issuer.keys[0].as_pem(private=False)
    signed = f"{encoded(json.dumps(header).encode())}.{issuer.token().split('.')[1]}"
    return f"{signed}.{encoded(hmac.digest(public, signed.encode(), 'sha256'))}"


FORGED = {
    "of another audience": lambda issuer: issuer.token(aud="somebody-else"),
    "of the client, which is no access token": lambda issuer: issuer.token(aud="driftgate", typ="JWT"),
    "of no audience": lambda issuer: issuer.token(aud=None),
    "expired": lambda issuer: issuer.token(exp=int(time.time()) - 120),
    "that never expires": lambda issuer: issuer.token(exp=None),
    "of another issuer": lambda issuer: issuer.token(iss="https://evil.example"),
    "not yet valid": lambda issuer: issuer.token(nbf=int(time.time()) + 3600),
    "of another key": lambda issuer: issuer.token(a_key()),
    "of another algorithm": lambda issuer: issuer.token(alg="RS512"),
    "of another kind": lambda issuer: issuer.token(typ="logout+jwt"),
    "unsigned": unsigned,
    "signed with the public key": signed_with_the_public_key,
    "changed": lambda issuer: issuer.token()[:-6] + "AAAAAA",
    "nonsense": lambda _: "a.b.c",
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_token_that_is_forged_or_for_others_is_401(bearing: Api, issuer: Issuer, kind: str) -> None:
    assert status(bearing, FORGED[kind](issuer)) == 401


def test_a_new_key_of_the_issuer_is_found(bearing: Api, issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    before = status(bearing, issuer.token())
    monkeypatch.setattr(issuer, "keys", [a_key(), *issuer.keys])
    monkeypatch.setattr(oidc, "AGAIN_SECONDS", 0.0)

    assert (before, status(bearing, issuer.token())) == (200, 200)


def test_access_tokens_are_taken_only_where_an_audience_is_named(tmp_path: Path, issuer: Issuer) -> None:
    text = OIDC.replace('audience = "driftgate-api"', "")
    api = an_api(tmp_path, auth="token", service=text.format(issuer=issuer.url, home=HOME, more=""))

    assert status(api, issuer.token()) == 401
    api.engine.dispose()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('client_secret = "in the file"', "never stands in driftgate.toml"),
        ('algorithms = ["HS256"]', "algorithms"),
        ('algorithms = ["none"]', "algorithms"),
        ("algorithms = []", "algorithms"),
        ('scopes = ["profile"]', '"openid"'),
    ],
)
def test_a_provider_that_could_not_be_trusted_is_refused(tmp_path: Path, more: str, said: str) -> None:
    text = SETTINGS.format(
        auth="token", alerts="", service=OIDC.format(issuer="https://id.example", home="https://gate.example", more=more)
    )
    (tmp_path / "driftgate.toml").write_text(text, encoding="utf-8")

    with pytest.raises(InvalidConfiguration, match=said) as refused:
        load(tmp_path, {})

    assert "in the file" not in refused.value.message


@pytest.mark.parametrize(
    ("changed", "into", "said"),
    [
        ("https://id.example", "http://id.example", "must be an https:// address"),
        ("https://gate.example", "http://gate.example", "must be an https:// address"),
        ('audience = "driftgate-api"', 'audience = "driftgate"', "must differ from client_id"),
        ('auth = "token"', 'auth = "none"', "is of no use without auth"),
    ],
)
def test_an_address_that_others_read_on_the_way_is_refused(tmp_path: Path, changed: str, into: str, said: str) -> None:
    text = SETTINGS.format(auth="token", alerts="", service=OIDC.format(issuer="https://id.example", home="https://gate.example", more=""))
    (tmp_path / "driftgate.toml").write_text(text.replace(changed, into), encoding="utf-8")

    with pytest.raises(InvalidConfiguration, match=said):
        load(tmp_path, {})
