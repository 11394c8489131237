from pathlib import Path

import pytest

from driftgate.service.carrying import carry_out
from tests.builders import a_promotion_request
from tests.unit.service.apis import an_api


@pytest.mark.parametrize(("by_force", "rounds"), [(True, 1), (False, 0)])
def test_where_no_worker_lives_the_command_itself_sends_word_of_a_promotion_without_gates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_force: bool, rounds: int
) -> None:
    api, told = an_api(tmp_path, alerts='channels = ["json://127.0.0.1:9/hook"]'), list[list[str]]()
    api.promoted(1)
    monkeypatch.setattr(api.parts.roster, "alive", list)
    monkeypatch.setattr(api.parts.app.alerts, "deliver_pending", lambda _: told.append([each.title for each in api.watched.notices()]) or 0)

    ended = carry_out(api.parts, a_promotion_request("p1", 2, 1, break_glass=by_force, comment="it answers nonsense"))

    assert ended["state"] == "promoted"
    assert told == [["Driftgate: version 2 of churn was promoted without gates"]] * rounds
