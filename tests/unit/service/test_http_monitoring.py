from datetime import timedelta

from driftgate.lifecycle.findings import Monitor
from driftgate.lifecycle.flows.monitoring import MonitorRequest
from driftgate.lifecycle.verdicts import Verdict
from driftgate.service.work import run_monitor
from tests.builders import NOON, a_finding, a_pass
from tests.unit.service.apis import Api

MODEL = "/v1/models/churn"
DRIFTED = a_finding("score", details={"method": "normalised_wasserstein"})
STEADY = a_finding("plan", Verdict.PASS)
OUTPUT = a_finding("prediction", Verdict.PASS, Monitor.PREDICTION_DRIFT)


def taken_in(api: Api, *passes: object) -> None:
    for each in passes:
        api.parts.app.alerts.take_in(api.parts.app.book.keep(each))


def test_a_pass_is_queued_over_the_models_own_window_or_the_one_asked_for(api: Api) -> None:
    for body in ({}, {"since": "2d"}):
        assert api.client.post(f"{MODEL}/monitor", json=body).status_code == 202

    kinds, requests = zip(*api.jobs.queued.values(), strict=True)
    spans = [request.window.end - request.window.start for (request,) in requests]
    assert (kinds, spans) == (("monitor", "monitor"), [timedelta(days=7), timedelta(days=2)])
    assert all(isinstance(request, MonitorRequest) and request.level == 0.05 for (request,) in requests)


def test_a_span_that_is_none_is_refused(api: Api) -> None:
    assert api.client.post(f"{MODEL}/monitor", json={"since": "soon"}).status_code == 422


def test_passes_are_listed_newest_first_and_since(api: Api) -> None:
    taken_in(api, a_pass("one", STEADY), a_pass("two", DRIFTED, at=NOON + timedelta(days=1)))

    everything = api.client.get(f"{MODEL}/passes").json()["passes"]
    later = api.client.get(f"{MODEL}/passes", params={"since": (NOON + timedelta(hours=1)).isoformat()}).json()["passes"]

    assert [(each["pass_id"], each["verdict"], each["failed"]) for each in everything] == [
        ("two", "fail", ["data_drift/score"]),
        ("one", "pass", []),
    ]
    assert [each["pass_id"] for each in later] == ["two"]


def test_one_pass_has_the_keys_of_a_drift_report_and_every_finding(api: Api) -> None:
    taken_in(api, a_pass("one", DRIFTED, STEADY, OUTPUT, report="r9"))

    found = api.client.get(f"{MODEL}/passes/one").json()

    assert (found["version"], found["verdict"], found["drifted"], found["html"]) == (
        1,
        "fail",
        ["score"],
        f"{MODEL}/reports/r9?format=html",
    )
    assert [(each["name"], each["method"], each["drifted"]) for each in found["columns"]] == [
        ("score", "normalised_wasserstein", True),
        ("plan", None, False),
    ]
    assert found["prediction"]["name"] == "prediction"
    assert len(found["findings"]) == 3
    assert [each["subject"] for each in found["alarms"]] == ["data_drift/score"]


def test_a_pass_of_another_model_is_not_shown(api: Api) -> None:
    taken_in(api, a_pass("one", DRIFTED))

    answers = [api.client.get(f"/v1/models/{path}") for path in ("other/passes/one", "churn/passes/two")]

    assert [(each.status_code, each.json()["title"]) for each in answers] == [(404, "PassNotFound")] * 2


def test_findings_are_chosen_by_monitor_and_name(api: Api) -> None:
    taken_in(api, a_pass("one", DRIFTED, STEADY, OUTPUT))
    since = {"since": (NOON - timedelta(days=1)).isoformat()}

    drift = api.client.get(f"{MODEL}/findings", params={**since, "monitor": "data_drift"}).json()["findings"]
    plan = api.client.get(f"{MODEL}/findings", params={**since, "monitor": "data_drift", "name": "plan"}).json()["findings"]

    assert [(each["name"], each["pass_id"]) for each in drift] == [("score", "one"), ("plan", "one")]
    assert [each["name"] for each in plan] == ["plan"]
    assert api.client.get(f"{MODEL}/findings", params={"monitor": "weather"}).status_code == 422


def test_an_alarm_that_is_over_is_not_listed(api: Api) -> None:
    taken_in(api, a_pass("one", DRIFTED))
    before = api.client.get(f"{MODEL}/alarms").json()["alarms"]

    taken_in(api, a_pass("two", a_finding("score", Verdict.PASS), at=NOON + timedelta(days=1)))

    assert [each["subject"] for each in before] == ["data_drift/score"]
    assert api.client.get(f"{MODEL}/alarms").json()["alarms"] == []


def test_alarms_stand_in_the_status_and_on_the_page_with_a_link(api: Api) -> None:
    taken_in(api, a_pass("one", DRIFTED, report="r9"))

    status = api.client.get("/v1/status").json()["models"][0]
    page = api.client.get("/").text

    assert any(alarm.startswith("data_drift/score since") for alarm in status["alarms"])
    assert status["last_pass"]["pass_id"] == "one"
    assert f"{MODEL}/reports/r9?format=html" in page
    assert f"{MODEL}/passes/one" in page


def test_what_a_pass_found_is_shown_as_text(api: Api) -> None:
    taken_in(api, a_pass("one", a_finding("<img src=x>", reasons=("<script>alert(1)</script>",))))

    page = api.client.get("/").text

    assert "<img" not in page
    assert "<script>" not in page


def test_a_retrain_that_cannot_be_weighed_undoes_nothing(api: Api) -> None:
    from driftgate.lifecycle.errors import InvalidData

    def broken(_: object) -> None:
        raise InvalidData("the trial went wrong")

    api.promoted(1)
    api.parts.app.triggers.consider = broken
    asked = MonitorRequest("one", "churn", NOON, a_pass().window, 0.05)

    document = run_monitor(api.parts.app, asked)

    assert "the trial went wrong" in document["problems"][-1]
    assert api.parts.app.book.find("one") is not None
