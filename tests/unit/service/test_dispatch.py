from dataclasses import replace
from datetime import datetime

import pytest

from driftgate.lifecycle.ledger import Kind
from driftgate.service.dispatch import alone, dispatch
from tests.builders import an_event
from tests.unit.service.apis import Api


def test_mlflow_is_not_asked_after_work_on_models_that_nobody_ever_challenged(api: Api) -> None:
    api.promoted(1)
    asked: list[str] = []
    api.book.challenger_alias = asked.append

    assert alone(api.parts.app, lambda: {"done": True}) == {"done": True}
    assert asked == []


def test_an_alias_that_outlived_its_challenge_is_put_back_after_any_work(api: Api) -> None:
    api.promoted(1)
    api.ledger.append(replace(an_event(subject="c1", body={"version": 2, "shadow_only": False}), kind=Kind.CHALLENGED))
    api.ledger.append(replace(an_event(subject="c2", body={"version": None, "shadow_only": False}), kind=Kind.CHALLENGED))
    api.book.aliases = {("churn", "challenger"): 2}

    alone(api.parts.app, dict)

    assert api.book.challenger_alias("churn") is None


def test_a_lone_pass_sends_what_it_has_to_tell_and_no_other_work_does(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    app, sent = api.parts.app, list[datetime]()
    monkeypatch.setattr(api.parts.roster, "alive", list)
    monkeypatch.setattr(app.alerts, "deliver_pending", lambda now: sent.append(now) or 0)
    monkeypatch.setattr("driftgate.service.dispatch.WORK", {kind: lambda _: {} for kind in ("monitor", "gate")})

    counts = [dispatch(app, api.parts.roster, api.parts.jobs, kind, "job") == {} and len(sent) for kind in ("gate", "monitor")]

    assert counts == [0, 1]
