"""The policy over HTTP: what the service's file proposes, and who may put it in force."""

from pathlib import Path
from typing import Any

import pytest

from driftgate.lifecycle.flows import policing
from driftgate.lifecycle.ledger import Kind
from driftgate.lifecycle.policy import Policy
from driftgate.service.settings import FILE_NAME
from driftgate.service.standing import standing
from driftgate.service.tokens import Role
from driftgate.service.upkeep import reconcile
from driftgate.service.work import run_promotion
from tests.builders import MODEL as NAME
from tests.builders import NOON
from tests.unit.service.apis import Api, an_api

MODEL = "/v1/models/churn"


@pytest.fixture
def guarded(tmp_path: Path) -> Api:
    return an_api(tmp_path, auth="token")


def propose(api: Api, gates: str) -> None:
    """Edits the service's driftgate.toml while it runs."""
    path = api.parts.settings.project / FILE_NAME
    path.write_text(path.read_text(encoding="utf-8") + f"\n[models.churn.gates]\n{gates}\n", encoding="utf-8")


def shown(api: Api, **options: Any) -> Any:
    return api.client.get(f"{MODEL}/policy", **options).json()


def test_before_the_first_decision_there_is_only_a_proposal(api: Api) -> None:
    found = shown(api)

    assert (found["policy"], found["number"], found["changes"]) == (None, None, [])
    assert found["proposal_sha256"] == Policy().sha256


def test_a_file_edited_while_the_service_runs_is_a_proposal_that_can_be_applied(api: Api) -> None:
    first = api.client.post(f"{MODEL}/policy", json={}).json()
    propose(api, "margin = 0.05\nminimum_rows = 300")

    proposed = shown(api)
    applied = api.client.post(f"{MODEL}/policy", json={"comment": "agreed in May"}).json()
    again = api.client.post(f"{MODEL}/policy", json={}).json()

    assert (first["applied"], first["number"]) == (True, 1)
    assert [(each["field"], each["looser"]) for each in proposed["changes"]] == [("margin", True), ("minimum_rows", False)]
    assert (applied["applied"], applied["number"], applied["comment"], applied["policy"]["margin"]) == (True, 2, "agreed in May", 0.05)
    assert (again["applied"], again["number"], again["changes"]) == (False, 2, [])
    assert policing.in_force(NAME, api.ledger) == Policy(margin=0.05, minimum_rows=300)


def test_a_broken_edit_hides_no_policy_in_force_and_cannot_be_applied(api: Api) -> None:
    policing.apply(NAME, Policy(margin=0.5), "ada", "", api.ledger, may_loosen=True)
    propose(api, "margin = 'wide'")

    found = shown(api)
    applied = api.client.post(f"{MODEL}/policy", json={})

    assert (found["policy"]["margin"], found["proposal"], found["proposal_sha256"], found["changes"]) == (0.5, None, None, [])
    assert "margin" in found["problem"]
    assert applied.status_code >= 400
    assert policing.in_force(NAME, api.ledger) == Policy(margin=0.5)


def test_a_trainer_may_tighten_and_only_an_approver_may_loosen(guarded: Api) -> None:
    trainer, approver = guarded.token(Role.TRAINER), guarded.token(Role.APPROVER)
    guarded.client.post(f"{MODEL}/policy", json={}, headers=trainer)
    propose(guarded, "minimum_rows = 300")
    tightened = guarded.client.post(f"{MODEL}/policy", json={}, headers=trainer)
    path = guarded.parts.settings.project / FILE_NAME
    path.write_text(path.read_text().replace("minimum_rows = 300", "minimum_rows = 100"))

    refused = guarded.client.post(f"{MODEL}/policy", json={}, headers=trainer)
    loosened = guarded.client.post(f"{MODEL}/policy", json={}, headers=approver)

    assert (tightened.status_code, loosened.status_code) == (200, 200)
    assert (refused.status_code, "minimum_rows" in refused.json()["detail"]) == (403, True)
    assert [event.actor for event in guarded.ledger.stored if event.kind is Kind.POLICY_CHANGED] == ["trainer", "trainer", "approver"]


def test_status_says_when_file_and_force_differ(api: Api) -> None:
    policing.apply(NAME, Policy(margin=0.5), "ada", "", api.ledger, may_loosen=True)

    model = standing(api.parts.app)["models"][0]

    assert model["policy"] == {"number": 1, "sha256": Policy(margin=0.5).sha256, "differs": ["margin"]}
    assert any("proposes another policy" in alarm for alarm in model["alarms"])


def forced(api: Api, **options: Any) -> Any:
    body = {"version": 2, "expected_champion": 1, "comment": "it answers nonsense", "break_glass": True}
    return api.client.post(f"{MODEL}/promotions", json=body, **options)


@pytest.mark.parametrize(("role", "status"), [(Role.TRAINER, 403), (Role.APPROVER, 403), (Role.ADMIN, 202)])
def test_only_an_admin_breaks_the_glass(guarded: Api, role: Role, status: int) -> None:
    guarded.promoted(1)
    before = len(guarded.ledger.stored)

    answer = forced(guarded, headers=guarded.token(role))

    assert answer.status_code == status
    assert len(guarded.ledger.stored) == before + (status == 202)


def test_breaking_the_glass_needs_a_reason(api: Api) -> None:
    api.promoted(1)

    answer = api.client.post(f"{MODEL}/promotions", json={"version": 2, "expected_champion": 1, "break_glass": True})

    assert (answer.status_code, answer.json()["field"]) == (422, "comment")


def told(api: Api) -> list[str]:
    return [notice.title for notice in api.watched.notices()]


def test_a_promotion_without_gates_is_told_to_every_channel_and_shown_by_status(tmp_path: Path) -> None:
    api = an_api(tmp_path, alerts='channels = ["json://127.0.0.1:9/hook"]')
    api.promoted(1)
    promotion_id = forced(api).json()["promotion_id"]

    document = run_promotion(api.parts.app, promotion_id, Policy())
    run_promotion(api.parts.app, promotion_id, Policy())

    assert (document["state"], document["break_glass"]) == ("promoted", True)
    assert told(api) == ["Driftgate: version 2 of churn was promoted without gates"]
    assert "it answers nonsense" in api.watched.notices()[0].body
    assert any("without gates" in alarm for alarm in standing(api.parts.app)["models"][0]["alarms"])


def test_status_remembers_a_promotion_without_gates_when_that_version_is_rolled_back_to(api: Api) -> None:
    api.promoted(1)
    run_promotion(api.parts.app, forced(api).json()["promotion_id"], Policy())

    def alarmed() -> bool:
        return any("without gates" in alarm for alarm in standing(api.parts.app)["models"][0]["alarms"])

    def go_back(to: int) -> None:
        promotion_id = api.client.post(f"{MODEL}/rollback", json={"to": to}).json()["promotion_id"]
        run_promotion(api.parts.app, promotion_id, Policy())

    go_back(1)
    before = alarmed()
    go_back(2)

    assert (before, alarmed(), api.ledger.champion(NAME)) == (False, True, 2)


def test_an_alias_that_was_moved_by_hand_is_put_back_and_told_once_an_hour(tmp_path: Path) -> None:
    api = an_api(tmp_path, alerts='channels = ["json://127.0.0.1:9/hook"]')
    api.promoted(1)
    for _ in range(2):
        api.book.aliases[NAME, "champion"] = 3
        reconcile(api.parts.app, NAME, NOON)

    assert api.book.champion_alias(NAME) == 1
    assert told(api) == ["Driftgate: an alias of churn was moved by hand"]
    assert "pointed to 3; put back to 1" in api.watched.notices()[0].body
    assert api.parts.follower.serving(NAME) is not None
