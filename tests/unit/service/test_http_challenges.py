from typing import Any

import pytest

from driftgate.lifecycle.flows.challenging import ChallengeRequest
from driftgate.lifecycle.ledger import Kind
from driftgate.service.tokens import Role
from driftgate.service.work import run_challenge
from tests.builders import an_event, passing_performance
from tests.unit.service.apis import Api

MODEL = "/v1/models/churn"


class TestChallenger:
    PATH = f"{MODEL}/challenger"

    def test_a_challenge_is_queued_with_who_asked_and_under_which_policy(self, guarded: Api) -> None:
        guarded.promoted(1)

        answer = guarded.client.post(
            self.PATH, json={"version": 2, "shadow_only": True, "comment": "look"}, headers=guarded.token(Role.APPROVER, "grace")
        )

        kind, (wish, policy) = guarded.jobs.queued[answer.json()["job_id"]]
        assert (answer.status_code, kind, policy) == (202, "challenge", guarded.parts.settings.policy("churn"))
        assert (wish.version, wish.shadow_only, wish.actor, wish.comment) == (2, True, "grace", "look")
        assert guarded.ledger.challenger("churn") is None

    def test_a_withdrawal_holds_before_any_worker_sees_it(self, api: Api) -> None:
        api.promoted(1)
        api.ledger.append(an_event(Kind.CHALLENGED, "c1", {"version": 2, "shadow_only": False}))

        answer = api.client.post(self.PATH, json={"version": None, "comment": "complaints"})

        assert (answer.status_code, api.ledger.challenger("churn")) == (202, None)
        assert api.ledger.stored[-1].body["reason"] == "complaints"
        assert api.ledger.stored[-1].subject in api.jobs.queued

    @pytest.mark.parametrize(
        ("body", "status", "title"),
        [
            ({"version": 1}, 422, "InvalidRequest"),
            ({"version": 9}, 404, "VersionNotFound"),
            ({"version": None}, 409, "WrongState"),
            ({"version": None, "shadow_only": True}, 422, "InvalidRequest"),
            ({}, 422, "InvalidRequest"),
        ],
        ids=["the champion", "unknown", "nobody to stop", "stop and shadow", "no version"],
    )
    def test_a_wish_that_makes_no_sense_is_refused_at_once(self, api: Api, body: Any, status: int, title: str) -> None:
        api.promoted(1)

        answer = api.client.post(self.PATH, json=body)

        assert (answer.status_code, answer.json()["title"], api.jobs.queued) == (status, title, {})

    def test_without_a_champion_there_is_nothing_to_challenge(self, api: Api) -> None:
        assert api.client.post(self.PATH, json={"version": 2}).json()["title"] == "NoChampion"

    def test_status_and_versions_say_who_challenges(self, api: Api) -> None:
        api.promoted(1)
        api.book.aliases["churn", "challenger"] = 3
        api.ledger.append(an_event(Kind.CHALLENGED, "c1", {"version": 2, "shadow_only": True}))

        (churn, other) = api.client.get("/v1/status").json()["models"]
        aliases = [version["aliases"] for version in api.client.get(f"{MODEL}/versions").json()["versions"]]

        assert (churn["challenger"], churn["shadow_only"], other["challenger"], other["shadow_only"]) == (2, True, None, False)
        assert aliases == [["champion"], ["challenger"], []]
        assert "in shadow only" in api.client.get("/").text


class TestRunChallenge:
    @pytest.mark.parametrize(("rows", "state"), [(10, "refused"), (1000, "challenging")])
    def test_the_document_tells_how_it_ended_and_what_traffic_there_is(self, api: Api, rows: int, state: str) -> None:
        api.promoted(1)
        api.parts.app.examiner.performed = passing_performance(rows=rows)
        wish = ChallengeRequest("c1", "churn", 2, "ada", comment="try")

        document = run_challenge(api.parts.app, wish, api.parts.settings.policy("churn"))

        assert (document["state"], document["champion"], document["challenger"]) == (state, 1, 2 if state == "challenging" else None)
        assert (document["share"], document["shadow"], bool(document["reasons"])) == (0.0, False, state == "refused")
        assert (document["challenge_id"], document["actor"], document["comment"]) == ("c1", "ada", "try")
