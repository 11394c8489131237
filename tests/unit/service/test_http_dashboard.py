from html.parser import HTMLParser

from driftgate.lifecycle.errors import RegistryUnavailable
from driftgate.lifecycle.flows import promoting
from driftgate.lifecycle.flows.promoting import PromotionRequest
from driftgate.lifecycle.policy import Policy
from tests.builders import a_report
from tests.unit.service.apis import Api


class Words(HTMLParser):
    """The words of a page, and every address it names."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words, self.addresses, self.tags = "", [], set[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value for name, value in attributes if name in ("href", "src", "action") and value]

    def handle_data(self, data: str) -> None:
        self.words += f"{data} "


def shown(api: Api) -> Words:
    answer = api.client.get("/")
    assert answer.status_code == 200, answer.text
    return Words(answer.text)


def test_an_empty_project_is_told_how_to_begin(api: Api) -> None:
    page = shown(api)

    assert "Nothing was decided yet" in page.words
    assert "driftgate retrain" in page.words


def test_the_page_names_every_model_with_what_serves(api: Api) -> None:
    api.promoted(2)

    page = shown(api)

    assert " churn " in page.words
    assert " other " in page.words
    assert {"/v1/models/churn/reports/r1?format=html", "/v1/models/churn/reports/r1?format=json", "/docs"} <= set(page.addresses)


def test_what_a_person_wrote_is_shown_as_text(api: Api) -> None:
    wish = PromotionRequest("p1", "churn", 1, None, "<b>ada</b>", comment="<script>alert(1)</script>")
    promoting.request(wish, api.ledger)
    api.book.kept["r2"] = a_report("r2", summary={"rows": 9, "drifted": ["<img src=x onerror=alert(1)>"]}, verdict="fail")

    page = shown(api)

    assert not {"script", "img"} & page.tags
    assert "<script>alert(1)</script>" in page.words


def test_the_page_runs_nothing_and_is_shown_in_no_frame(api: Api) -> None:
    policy = api.client.get("/").headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy


def test_every_gates_reasons_are_on_the_page(api: Api) -> None:
    promoting.request(PromotionRequest("p1", "churn", 1, None, "ada"), api.ledger)
    promotion = promoting.promote("p1", Policy(approval=True), api.parts.app.desk)

    page = shown(api)

    assert promotion.gates
    assert all(reason in page.words for gate in promotion.gates for reason in gate["reasons"])
    assert "driftgate approve p1 --model churn" in page.words


def test_what_serves_is_shown_while_mlflow_does_not_answer(api: Api) -> None:
    def down(_: str) -> None:
        raise RegistryUnavailable("MLflow did not answer")

    api.promoted(2)
    api.book.versions = down

    page = shown(api)

    assert "versions cannot be listed" in page.words
    assert "MLflow did not answer" in page.words


def test_a_champion_that_cannot_be_loaded_is_on_the_page(api: Api) -> None:
    api.book.tampered.add(1)
    api.promoted(1)

    assert "not the one registered" in shown(api).words


def test_every_version_leads_to_its_card(api: Api) -> None:
    addresses = shown(api).addresses

    assert {f"/v1/models/churn/versions/{number}/card" for number in (1, 2, 3)} <= set(addresses)
