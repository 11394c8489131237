from dataclasses import replace
from typing import Any

import pytest

from driftgate.lifecycle.flows import promoting
from driftgate.lifecycle.flows.promoting import PromotionRequest
from driftgate.lifecycle.gates import judge
from driftgate.lifecycle.ledger import Kind, NewEvent
from driftgate.lifecycle.policy import Policy
from driftgate.service.durable.jobs import Job
from driftgate.service.tokens import Role
from tests.builders import passing_evidence
from tests.unit.service.apis import Api

MODEL = "/v1/models/churn"


def promote(api: Api, version: int = 2, expected: int | None = 1, key: str | None = None, **more: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return api.client.post(f"{MODEL}/promotions", json={"version": version, "expected_champion": expected, **more}, headers=headers)


def awaiting(api: Api, actor: str = "ada") -> str:
    """A promotion that passed every gate and waits for a person."""
    asked = promoting.request(PromotionRequest("p1", "churn", 1, None, actor), api.ledger)
    policy = Policy(approval=True)
    judgement = promoting.judged(promoting.gather("churn", 1, None, api.parts.app.desk, policy), policy)
    assert judgement.verdict == "pass"
    promoting.promote(asked.id, policy, api.parts.app.desk)
    return asked.id


def test_a_promotion_is_in_the_ledger_before_it_is_queued(api: Api) -> None:
    api.promoted(1)

    answer = promote(api, comment="better on everything")

    promotion_id = answer.json()["promotion_id"]
    assert (answer.status_code, answer.json()["state"]) == (202, "running")
    assert api.ledger.stored[-1].body == {"action": "promote", "version": 2, "expected_champion": 1, "comment": "better on everything"}
    assert api.jobs.queued == {f"{promotion_id}.judge": ("promotion", (promotion_id, api.parts.settings.policy("churn")))}


@pytest.mark.parametrize("expected", [None, 3])
def test_a_champion_that_is_not_the_expected_one_is_409_and_leaves_no_trace(api: Api, expected: int | None) -> None:
    api.promoted(1)
    before = list(api.ledger.stored)

    answer = promote(api, expected=expected)

    assert (answer.status_code, answer.json()["title"], answer.json()["field"]) == (409, "ChampionMoved", "expected_champion")
    assert (api.ledger.stored, api.jobs.queued) == (before, {})


def test_the_expected_champion_must_be_named(api: Api) -> None:
    answer = api.client.post(f"{MODEL}/promotions", json={"version": 2})

    assert (answer.status_code, answer.json()["field"]) == (422, "expected_champion")


def test_the_champion_itself_cannot_be_promoted(api: Api) -> None:
    api.promoted(1)

    answer = promote(api, version=1, expected=1)

    assert (answer.status_code, answer.json()["field"]) == (422, "version")


@pytest.mark.parametrize("version", [0, -1, 2**31, 10**30, "2", 1.5, None])
def test_a_version_is_a_number_that_a_database_can_hold(api: Api, version: object) -> None:
    answer = api.client.post(f"{MODEL}/promotions", json={"version": version, "expected_champion": None})

    assert (answer.status_code, answer.json()["field"], api.ledger.stored) == (422, "version", [])


def test_the_same_key_returns_the_same_promotion_queued_once(api: Api) -> None:
    api.promoted(1)

    first, again = promote(api, key="deploy-7"), promote(api, key="deploy-7")

    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert (len(promoting.promotions("churn", api.ledger)), len(api.jobs.queued)) == (2, 1)


def test_the_same_key_finds_its_promotion_after_the_champion_has_moved(api: Api) -> None:
    api.promoted(1)
    first = promote(api, key="deploy-7").json()
    promoting.promote(first["promotion_id"], Policy(), api.parts.app.desk)

    again = promote(api, key="deploy-7")

    assert (again.status_code, again.json()) == (202, {"promotion_id": first["promotion_id"], "state": "promoted"})


@pytest.mark.parametrize("other", [{"version": 3}, {"comment": "another"}])
def test_a_different_body_under_the_same_key_is_409(api: Api, other: dict[str, Any]) -> None:
    api.promoted(1)
    promote(api, key="deploy-7")

    answer = promote(api, key="deploy-7", **other)

    assert (answer.status_code, answer.json()["title"]) == (409, "KeyReused")


def test_another_key_is_another_promotion(api: Api) -> None:
    api.promoted(1)

    ids = {promote(api, key=key).json()["promotion_id"] for key in ("a", "b", None)}

    assert len(ids) == 3


def test_a_key_is_the_models_own(api: Api) -> None:
    api.promoted(1)
    api.book.bound["other", 2] = replace(api.book.bound["churn", 2], model="other")
    first = promote(api, key="a").json()

    other = api.client.post(
        "/v1/models/other/promotions", json={"version": 2, "expected_champion": None}, headers={"Idempotency-Key": "a"}
    ).json()

    assert other["promotion_id"] != first["promotion_id"]


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_a_key_has_1_to_200_characters(api: Api, key: str) -> None:
    assert promote(api, expected=None, key=key).status_code == 422


def test_a_rollback_goes_to_the_champion_before(api: Api) -> None:
    api.promoted(1)
    api.promoted(2, previous=1)

    answer = api.client.post(f"{MODEL}/rollback", json={"comment": "complaints"})

    wish = promoting.found(answer.json()["promotion_id"], api.ledger)
    assert (answer.status_code, wish.action, wish.version, wish.expected_champion) == (202, "rollback", 1, 2)


def test_a_rollback_repeated_under_its_key_is_the_first_one_even_once_it_is_done(api: Api) -> None:
    api.promoted(1)
    api.promoted(2, previous=1)
    key = {"Idempotency-Key": "back"}
    first = api.client.post(f"{MODEL}/rollback", json={}, headers=key).json()
    promoting.roll_back(first["promotion_id"], api.parts.app.desk)

    again = api.client.post(f"{MODEL}/rollback", json={}, headers=key)

    assert (again.status_code, again.json()) == (202, {"promotion_id": first["promotion_id"], "state": "promoted"})


@pytest.mark.parametrize("other", [{"to": 3}, {"comment": "another"}])
def test_a_different_rollback_under_the_same_key_is_409(api: Api, other: dict[str, Any]) -> None:
    for number, previous in ((3, None), (1, 3), (2, 1)):
        api.promoted(number, previous)
    key = {"Idempotency-Key": "back"}
    api.client.post(f"{MODEL}/rollback", json={}, headers=key)

    answer = api.client.post(f"{MODEL}/rollback", json=other, headers=key)

    assert (answer.status_code, answer.json()["title"]) == (409, "KeyReused")


def test_a_promotions_key_is_not_a_rollbacks(api: Api) -> None:
    api.promoted(1)
    promote(api, key="a")

    answer = api.client.post(f"{MODEL}/rollback", json={}, headers={"Idempotency-Key": "a"})

    assert (answer.status_code, answer.json()["title"]) == (409, "KeyReused")


@pytest.mark.parametrize("body", [{}, {"to": 3}])
def test_there_is_no_way_back_to_what_was_never_champion(api: Api, body: dict[str, Any]) -> None:
    api.promoted(1)

    answer = api.client.post(f"{MODEL}/rollback", json=body)

    assert (answer.status_code, answer.json()["field"]) == (404, "to")


def test_the_requester_cannot_approve_and_somebody_else_can(guarded: Api) -> None:
    promotion_id = awaiting(guarded, "ada")
    ada, grace = guarded.token(Role.APPROVER, "ada"), guarded.token(Role.APPROVER, "grace")
    path = f"{MODEL}/promotions/{promotion_id}/approve"

    own = guarded.client.post(path, json={}, headers=ada)
    others = guarded.client.post(path, json={"comment": "I looked"}, headers=grace)

    assert (own.status_code, own.json()["title"]) == (403, "Forbidden")
    assert (others.status_code, others.json()["state"]) == (202, "running")
    assert (guarded.ledger.stored[-1].kind, guarded.ledger.stored[-1].actor) == (Kind.APPROVED, "grace")
    assert list(guarded.jobs.queued) == [f"{promotion_id}.decide"]


def test_a_rejection_ends_it_with_its_reason(guarded: Api) -> None:
    promotion_id = awaiting(guarded)

    answer = guarded.client.post(
        f"{MODEL}/promotions/{promotion_id}/reject", json={"comment": "not before the holidays"}, headers=guarded.token(Role.APPROVER)
    )

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["reasons"]) == ("rejected", ["not before the holidays"])
    assert guarded.jobs.queued == {}


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_what_does_not_await_approval_cannot_be_answered(api: Api, verb: str) -> None:
    promotion_id = promote(api, expected=None).json()["promotion_id"]

    answer = api.client.post(f"{MODEL}/promotions/{promotion_id}/{verb}", json={})

    assert (answer.status_code, answer.json()["title"]) == (409, "WrongState")


def test_a_promotion_shows_every_gate_with_its_reasons(api: Api) -> None:
    promotion_id = awaiting(api)

    shown = api.client.get(f"{MODEL}/promotions/{promotion_id}").json()

    assert (shown["state"], shown["champion"], shown["actor"]) == ("awaiting_approval", None, "ada")
    assert [gate["name"] for gate in shown["gates"]] == [gate.name for gate in judge(passing_evidence(), Policy())]
    assert all(gate["reasons"] for gate in shown["gates"])
    assert api.client.get(f"{MODEL}/promotions").json() == {"promotions": [shown]}


def test_a_promotion_of_another_model_is_not_found_under_this_one(api: Api) -> None:
    promotion_id = awaiting(api)

    answers = [
        api.client.get(f"/v1/models/other/promotions/{promotion_id}"),
        api.client.post(f"/v1/models/other/promotions/{promotion_id}/approve", json={}),
        api.client.post(f"/v1/models/other/promotions/{promotion_id}/reject", json={}),
    ]

    assert [(answer.status_code, answer.json()["title"]) for answer in answers] == [(404, "PromotionNotFound")] * 3


def test_an_event_that_is_no_promotion_is_not_found_as_one(api: Api) -> None:
    api.ledger.append(NewEvent("churn", "policy-1", Kind.POLICY_CHANGED, "ada", {}))

    assert api.client.get(f"{MODEL}/promotions/policy-1").status_code == 404


@pytest.mark.parametrize(
    ("path", "kind"),
    [("retrain", "retrain"), ("versions/1/gates", "gate"), ("versions/1/simulation", "simulation"), ("drift", "drift")],
)
def test_work_is_queued_and_can_be_asked_about(api: Api, path: str, kind: str) -> None:
    api.promoted(1)

    answer = api.client.post(f"{MODEL}/{path}", json={})

    job_id = answer.json()["job_id"]
    assert (answer.status_code, api.jobs.queued[job_id][0]) == (202, kind)
    assert api.client.get(f"/v1/jobs/{job_id}").json() == {"job_id": job_id, "kind": kind, "state": "queued", "result": None, "error": None}


def test_a_job_tells_its_result_or_why_it_failed(api: Api) -> None:
    api.jobs.known = {"a": Job("a", "retrain", "done", {"version": 3}), "b": Job("b", "retrain", "failed", error="no rows")}

    done, failed = (api.client.get(f"/v1/jobs/{job}").json() for job in ("a", "b"))

    assert (done["state"], done["result"]) == ("done", {"version": 3})
    assert (failed["state"], failed["error"]) == ("failed", "no rows")


@pytest.mark.parametrize("path", ["versions/9/gates", "versions/9/simulation"])
def test_work_on_an_unknown_version_is_404_and_not_queued(api: Api, path: str) -> None:
    answer = api.client.post(f"{MODEL}/{path}")

    assert (answer.status_code, answer.json()["title"], api.jobs.queued) == (404, "VersionNotFound", {})


def test_an_unknown_job_is_404(api: Api) -> None:
    assert api.client.get("/v1/jobs/nonsense").json()["title"] == "JobNotFound"


@pytest.mark.parametrize("name", ["a%00b", "x" * 201, "a%20b"])
def test_an_id_that_could_be_no_id_never_reaches_a_database(api: Api, name: str) -> None:
    answers = [api.client.get(f"/v1/jobs/{name}"), api.client.get(f"{MODEL}/promotions/{name}")]

    assert [answer.status_code for answer in answers] == [422, 422]


def test_a_drift_report_before_any_champion_must_name_a_version(api: Api) -> None:
    unnamed, named = api.client.post(f"{MODEL}/drift", json={}), api.client.post(f"{MODEL}/drift", json={"version": 1})

    assert (unnamed.status_code, unnamed.json()["title"], named.status_code) == (503, "NoChampion", 202)


@pytest.mark.parametrize("since", ["7", "d", "0d", "-1d", "1y", "7 d", "999999w", ""])
def test_a_span_of_time_is_a_number_and_a_unit(api: Api, since: str) -> None:
    answer = api.client.post(f"{MODEL}/drift", json={"version": 1, "since": since})

    assert (answer.status_code, answer.json()["field"]) == (422, "since")


@pytest.mark.parametrize("since", ["1s", "30m", "12h", "99999d", "99999w"])
def test_every_span_that_is_let_in_can_be_counted_back(api: Api, since: str) -> None:
    assert api.client.post(f"{MODEL}/drift", json={"version": 1, "since": since}).status_code == 202


@pytest.mark.parametrize("data", ["/etc/passwd", "../outside.csv", "nothing.csv", ".", "a/../../outside.csv", "link.csv"])
def test_a_retrain_reads_only_files_below_the_project(api: Api, data: str) -> None:
    project = api.parts.settings.project
    (project.parent / "outside.csv").write_text("a\n1\n")
    (project / "link.csv").symlink_to(project.parent / "outside.csv")

    answer = api.client.post(f"{MODEL}/retrain", json={"data": data})

    assert (answer.status_code, answer.json()["field"], api.jobs.queued) == (422, "data", {})


def test_a_retrain_takes_a_file_of_the_project(api: Api) -> None:
    (api.parts.settings.project / "new.csv").write_text("a\n1\n")

    answer = api.client.post(f"{MODEL}/retrain", json={"data": "new.csv", "reason": "drift", "search": True})

    ((kind, (request,)),) = api.jobs.queued.values()
    assert (answer.status_code, kind, request.plan.source.path, request.reason, request.search) == (
        202,
        "retrain",
        "new.csv",
        "drift",
        True,
    )


@pytest.mark.parametrize("comment", ["a\0b", "x" * 2001, 5])
def test_words_that_the_ledger_cannot_keep_are_refused(api: Api, comment: object) -> None:
    answer = promote(api, expected=None, comment=comment)

    assert (answer.status_code, answer.json()["field"], api.ledger.stored) == (422, "comment", [])


def test_half_a_character_in_a_comment_is_refused(api: Api) -> None:
    body = b'{"version": 2, "expected_champion": null, "comment": "\\ud800"}'

    answer = api.client.post(f"{MODEL}/promotions", content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["field"], api.ledger.stored) == (422, "comment", [])
