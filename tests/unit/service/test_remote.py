import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from driftgate.lifecycle.errors import ChampionMoved, DriftgateError, InvalidRequest, Unavailable
from driftgate.service import remote
from driftgate.service.remote import Remote

HOME = "http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "POLL_SECONDS", 0.0)


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> Remote:
    """A service that answers so."""
    service = Remote(HOME)
    service._client = httpx.Client(base_url=HOME, transport=httpx.MockTransport(answer))
    return service


def scripted(*answers: tuple[int, Any]) -> tuple[Remote, list[tuple[str, str]]]:
    """A service that gives these answers in turn, and what it was asked."""
    asked: list[tuple[str, str]] = []
    left: Iterator[tuple[int, Any]] = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path))
        status, body = next(left)
        return httpx.Response(status, json=body)

    return answering(answer), asked


def test_a_promotion_is_followed_until_it_stands_still() -> None:
    service, asked = scripted((202, {"promotion_id": "p1"}), (200, {"state": "running"}), (200, {"state": "refused"}))

    done = service.promote("churn", 2, 1, "")

    assert done == {"state": "refused"}
    assert asked == [("POST", "/v1/models/churn/promotions"), *[("GET", "/v1/models/churn/promotions/p1")] * 2]


def test_a_job_is_followed_to_its_result() -> None:
    service, _ = scripted((202, {"job_id": "j"}), (200, {"state": "queued"}), (200, {"state": "done", "result": {"version": 3}}))

    assert service.job("/v1/models/churn/retrain", {}) == {"version": 3}


def test_a_job_that_failed_is_an_error_with_its_reason() -> None:
    service, _ = scripted((202, {"job_id": "j"}), (200, {"state": "failed", "error": "no rows"}))

    with pytest.raises(DriftgateError, match="no rows"):
        service.job("/v1/models/churn/retrain", {})


@pytest.mark.parametrize(("title", "kind"), [("ChampionMoved", ChampionMoved), ("InvalidRequest", InvalidRequest)])
def test_a_refusal_is_the_error_that_the_service_named(title: str, kind: type[DriftgateError]) -> None:
    service, _ = scripted((409, {"title": title, "detail": "the champion is 3", "field": "expected_champion"}))

    with pytest.raises(DriftgateError) as refused:
        service.get("/v1/status")

    assert (type(refused.value), refused.value.field) == (kind, "expected_champion")
    assert refused.value.message == f"the champion is 3 (409 {title})"


@pytest.mark.parametrize("title", ["Not Found", "annotations", "__name__", "InternalError"])
def test_a_refusal_of_another_name_keeps_its_words(title: str) -> None:
    service, _ = scripted((500, {"title": title, "detail": "something"}))

    with pytest.raises(DriftgateError, match="something") as refused:
        service.get("/v1/status")

    assert type(refused.value) is DriftgateError


def test_a_refusal_without_words_shows_what_came() -> None:
    service = answering(lambda _: httpx.Response(502, text="<html>Bad Gateway"))

    with pytest.raises(DriftgateError, match="the service answered 502: <html>Bad Gateway"):
        service.get("/v1/status")


def test_another_service_at_the_address_is_named_as_such() -> None:
    service = answering(lambda _: httpx.Response(200, html="<title>MLflow"))

    with pytest.raises(DriftgateError, match="is not Driftgate"):
        service.get("/v1/status")


def test_a_service_that_is_not_there_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

        with pytest.raises(Unavailable, match="does not answer; is `driftgate up` running there"):
            Remote(url).get("/v1/status")


@pytest.mark.parametrize("url", ["http://[::1", "http://host:port"])
def test_an_address_that_is_none_is_wrong_usage(url: str) -> None:
    with pytest.raises(InvalidRequest, match="is not the address of a service"):
        Remote(url)


def test_the_token_of_the_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGATE_TOKEN", "dg_secret")

    assert Remote(HOME)._client.headers["authorization"] == "Bearer dg_secret"
