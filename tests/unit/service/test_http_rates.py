"""How often a caller may ask, and what a guesser of tokens gets."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.service.http.rates import MOST_KEYS, Buckets
from driftgate.service.tokens import Role
from tests.unit.service.apis import Api, an_api, rows


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(per_minute=st.integers(1, 200), steps=st.lists(st.floats(0, 30), max_size=300))
def test_no_more_are_let_through_than_the_bucket_holds_and_what_was_refilled(per_minute: int, steps: list[float]) -> None:
    clock = Clock()
    buckets = Buckets(per_minute, clock)

    passed = 0
    for step in steps:
        clock.now += step
        passed += buckets.take("ada") == 0

    assert passed <= per_minute + clock.now * per_minute / 60 + 1e-6


def test_whoever_waits_as_told_is_let_through() -> None:
    clock = Clock()
    buckets = Buckets(2, clock)
    taken = [buckets.take("ada") for _ in range(3)]

    clock.now += taken[2] + 1e-9

    assert taken[:2] == [0.0, 0.0]
    assert taken[2] == pytest.approx(30.0)
    assert buckets.take("ada") == 0


def test_callers_do_not_share_a_bucket_and_memory_has_an_end() -> None:
    buckets = Buckets(1, Clock())

    taken = [buckets.take(f"caller {number}") for number in range(MOST_KEYS + 10)]

    assert set(taken) == {0.0}
    assert len(buckets._levels) == MOST_KEYS


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Api]:
    service = "requests_per_minute = 3\npredictions_per_minute = 2\nfailed_sign_ins_per_minute = 2"
    made = an_api(tmp_path, auth="token", service=service)
    made.promoted(1)
    yield made
    made.engine.dispose()


def test_one_request_too_many_is_429_and_says_when_to_come_back(limited: Api) -> None:
    ada, bob = limited.token(Role.VIEWER, "ada"), limited.token(Role.VIEWER, "bob")

    answers = [limited.client.get("/v1/status", headers=ada) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].headers["content-type"] == "application/problem+json"
    assert 1 <= int(answers[3].headers["retry-after"]) <= 20
    assert answers[3].json()["title"] == "RateLimited"
    assert limited.client.get("/v1/status", headers=bob).status_code == 200


def test_predictions_have_a_limit_of_their_own(limited: Api) -> None:
    ada = limited.token(Role.PREDICTOR, "ada")

    statuses = [limited.client.post("/v1/models/churn/predict", json=rows(), headers=ada).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert limited.client.get("/v1/status", headers=ada).status_code == 200


def test_by_default_predictions_have_none(guarded: Api) -> None:
    ada = guarded.token(Role.PREDICTOR, "ada")
    guarded.promoted(1)

    assert {guarded.client.post("/v1/models/churn/predict", json=rows(), headers=ada).status_code for _ in range(50)} == {200}


def wrong(api: Api, number: int) -> int:
    return api.client.get("/v1/status", headers={"Authorization": f"Bearer dg_guess{number}"}).status_code


def test_who_guesses_tokens_is_stopped_before_the_database_is_asked(limited: Api) -> None:
    before = [wrong(limited, number) for number in range(2)]
    with limited.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE tokens")

    after = wrong(limited, 3)

    assert (before, after) == ([401, 401], 429)


def test_a_guesser_keeps_nobody_out_whom_the_service_knows(limited: Api) -> None:
    ada = limited.token(Role.ADMIN, "ada")
    limited.client.get("/v1/status", headers=ada)
    guesses = [wrong(limited, number) for number in range(3)]

    reads = limited.client.get("/v1/status", headers=ada).status_code
    decides = limited.client.post("/v1/models/churn/retrain", json={}, headers=ada).status_code

    assert guesses[-1] == 429
    assert (reads, decides) == (200, 202)


def test_failed_sign_ins_are_counted_with_wrong_tokens(limited: Api) -> None:
    answers = [limited.client.post("/sign-in", data={"token": f"dg_{number}"}, headers={"Accept": "text/html"}) for number in range(3)]

    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert int(answers[2].headers["retry-after"]) > 0
    assert wrong(limited, 4) == 429


def test_a_request_without_a_token_is_no_guess(limited: Api) -> None:
    assert {limited.client.get("/v1/status").status_code for _ in range(10)} == {401}
