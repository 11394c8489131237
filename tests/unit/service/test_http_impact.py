from datetime import UTC, datetime, timedelta

import pytest

from driftgate.lifecycle.payloads import Arm, Output
from tests.builders import a_payload, an_outcome
from tests.unit.service.apis import Api

IMPACT = "/v1/models/churn/impact"


def test_without_a_champion_there_is_nothing_to_look_at(api: Api) -> None:
    answer = api.client.get(IMPACT)

    assert (answer.status_code, answer.json()["title"]) == (503, "NoChampion")


@pytest.mark.parametrize("since", ["yesterday", "0d", "-3d", ""])
def test_a_span_that_is_none_is_refused(api: Api, since: str) -> None:
    api.promoted(1)

    answer = api.client.get(IMPACT, params={"since": since})

    assert (answer.status_code, answer.json()["field"]) == (422, "since")


def test_the_arms_are_compared(api: Api) -> None:
    api.promoted(1)
    at = datetime.now(UTC) - timedelta(days=40)
    for number in range(240):
        arm = Arm.CHAMPION if number % 2 else Arm.HEURISTIC
        payload = a_payload(
            f"p{number}", arm=arm, version=1 if number % 2 else None, entity_id=f"c{number}", output=Output("no"),
            event_time=at + timedelta(minutes=number),
        )  # fmt: skip
        api.log.append([payload])
        # Of the model's entities one in three leaves, of the heuristic's two.
        api.log.record([an_outcome(f"p{number}", "yes" if number % 6 in {1, 2, 4} else "no")])
    api.log.ship()

    shown = api.client.get(IMPACT, params={"since": "60d"}).json()

    assert (shown["model"], shown["version"], shown["verdict"]) == ("churn", 1, "pass")
    # The first and the last answer stand alone: the other arm had not begun, or had ended.
    assert (shown["model_arm"]["entities"], shown["heuristic_arm"]["entities"]) == (119, 119)
    assert shown["difference"]["estimate"] == pytest.approx(1 / 3, abs=0.01)
    assert shown["difference"]["lower"] > 0
    assert shown["challenger"] is None


def test_an_empty_log_is_undecided(api: Api) -> None:
    api.promoted(1)

    shown = api.client.get(IMPACT).json()

    assert (shown["verdict"], shown["difference"], shown["periods"]) == ("undecided", None, [])
