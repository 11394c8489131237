import pytest

from driftgate.lifecycle.errors import RegistryUnavailable
from tests.builders import a_report
from tests.unit.service.apis import PAGE, Api

MODEL = "/v1/models/churn"
UNKNOWN = [
    ("GET", "versions"), ("GET", "versions/1"), ("GET", "versions/1/card"), ("GET", "reports"), ("GET", "reports/r1"),
    ("GET", "promotions"),
    ("POST", "predict"), ("POST", "outcomes"), ("POST", "retrain"), ("POST", "versions/1/gates"), ("POST", "promotions"),
    ("POST", "rollback"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), UNKNOWN)
def test_an_undeclared_model_is_404_and_told_what_is_declared(api: Api, method: str, path: str) -> None:
    answer = api.client.request(method, f"/v1/models/nonsense/{path}", json={})

    # Whatever else is wrong with the request, the model comes first.
    assert (answer.status_code, answer.json()["title"]) == (404, "ModelNotFound")
    assert "declared: churn, other" in answer.json()["detail"]


def test_versions_come_oldest_first_and_the_champion_is_the_ledgers(api: Api) -> None:
    api.book.aliases = {("churn", "candidate"): 3, ("churn", "champion"): 3}
    api.promoted(2)

    versions = api.client.get(f"{MODEL}/versions").json()["versions"]

    assert [(each["version"], each["aliases"]) for each in versions] == [(1, []), (2, ["champion"]), (3, ["candidate"])]


def test_a_version_shows_its_digests_and_schema(api: Api) -> None:
    shown = api.client.get(f"{MODEL}/versions/1").json()

    assert len(shown["artifact_sha256"]) == len(shown["snapshot"]["sha256"]) == 64
    assert [column["name"] for column in shown["schema"]["columns"]] == ["score", "plan"]


def test_an_unknown_version_is_404(api: Api) -> None:
    answer = api.client.get(f"{MODEL}/versions/9")

    assert (answer.status_code, answer.json()["title"]) == (404, "VersionNotFound")


@pytest.mark.parametrize("number", ["0", "-1", "99999999999999999999999", "one", "1.5"])
def test_a_version_in_a_path_is_a_number_that_a_database_can_hold(api: Api, number: str) -> None:
    answer = api.client.get(f"{MODEL}/versions/{number}")

    assert (answer.status_code, answer.json()["field"]) == (422, "version")


def test_a_registry_that_does_not_answer_is_503(api: Api) -> None:
    def down(_: str) -> None:
        raise RegistryUnavailable("MLflow did not answer")

    api.book.versions = down

    answer = api.client.get(f"{MODEL}/versions")

    assert (answer.status_code, answer.json()["detail"]) == (503, "MLflow did not answer")


def test_reports_come_newest_first_with_their_formats(api: Api) -> None:
    api.book.kept["r2"] = a_report("r2", created=api.book.kept["r1"].created.replace(year=2027))

    reports = api.client.get(f"{MODEL}/reports").json()["reports"]

    assert [(each["id"], each["formats"]) for each in reports] == [("r2", ["html", "json"]), ("r1", ["html", "json"])]


def test_a_page_may_run_its_own_scripts_and_reach_nothing(api: Api) -> None:
    answer = api.client.get(f"{MODEL}/reports/r1")

    policy = {line.split()[0]: line.split()[1:] for line in answer.headers["content-security-policy"].split("; ")}
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, "text/html; charset=utf-8", PAGE)
    assert answer.headers["x-content-type-options"] == "nosniff"
    # No allow-same-origin: the page has an origin of its own, and no cookie or token of this one.
    assert policy["sandbox"] == ["allow-scripts"]
    assert policy["default-src"] == ["'none'"]
    assert not {"connect-src", "form-action", "frame-src"} & set(policy)


@pytest.mark.parametrize(("form", "media"), [("html", "text/html; charset=utf-8"), ("json", "application/json")])
def test_a_report_comes_in_the_format_asked_for(api: Api, form: str, media: str) -> None:
    answer = api.client.get(f"{MODEL}/reports/r1", params={"format": form})

    assert (answer.status_code, answer.headers["content-type"]) == (200, media)


def test_a_format_that_the_report_lacks_is_404_and_told_what_there_is(api: Api) -> None:
    answer = api.client.get(f"{MODEL}/reports/r1", params={"format": "png"})

    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no report r1 of model churn as png; it has html, json")


@pytest.mark.parametrize("form", ["exe", "../html", ""])
def test_a_format_that_no_report_has_is_422(api: Api, form: str) -> None:
    assert api.client.get(f"{MODEL}/reports/r1", params={"format": form}).status_code == 422


@pytest.mark.parametrize(
    "name", ["nonsense", "..", "%2e%2e", "..%2f..%2fdriftgate.toml", "r1%2f..%2fr1", "r1%00", "%2fetc%2fpasswd", "..%5cr1", "r1.html"]
)
def test_a_name_that_is_no_kept_report_is_404_wherever_it_points(api: Api, name: str) -> None:
    answer = api.client.get(f"{MODEL}/reports/{name}")

    assert answer.status_code == 404


def test_a_report_is_not_served_under_another_model(api: Api) -> None:
    assert api.client.get("/v1/models/other/reports/r1").status_code == 404


def test_the_card_of_a_version_is_a_page_that_may_do_nothing(api: Api) -> None:
    api.parts.app.cards.pages["churn", 1] = b"<p>card</p>"

    answer = api.client.get(f"{MODEL}/versions/1/card")

    assert (answer.status_code, answer.text) == (200, "<p>card</p>")
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script" not in policy


def test_a_version_without_a_card_is_404(api: Api) -> None:
    answer = api.client.get(f"{MODEL}/versions/2/card")

    assert (answer.status_code, answer.json()["title"]) == (404, "ReportNotFound")
