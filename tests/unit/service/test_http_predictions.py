from typing import Any

import pytest

from driftgate.lifecycle.ledger import Kind
from driftgate.lifecycle.schema import Task
from tests.builders import a_schema, a_version, an_event
from tests.fakes import FakeScorer
from tests.unit.service.apis import Api, rows

PREDICT, OUTCOMES = "/v1/models/churn/predict", "/v1/models/churn/outcomes"
LATER = "2026-03-31T12:00:00Z"


@pytest.fixture
def serving(api: Api) -> Api:
    """Version 1 serves; it answers `yes` with probability .8."""
    api.book.scorers = {number: FakeScorer(answer=[0.2, 0.8]) for number in (1, 2)}
    api.promoted(1)
    return api


def regressing(api: Api) -> Api:
    """Version 1 serves and predicts 3.5."""
    version = a_version(1, schema=a_schema(Task.REGRESSION), threshold=None)
    api.book.bound["churn", 1] = version
    api.book.scorers = {1: FakeScorer(version.schema, 3.5)}
    api.promoted(1)
    return api


def an_outcome_body(**changes: Any) -> dict[str, Any]:
    return {"outcomes": [{"value": "yes", "observed_at": LATER, "prediction_id": "a", **changes}]}


def test_without_a_champion_a_prediction_is_503_and_logs_nothing(api: Api) -> None:
    answer = api.client.post(PREDICT, json=rows())

    assert (answer.status_code, answer.json()["title"], api.log.waiting) == (503, "NoChampion", {})


def test_a_prediction_names_id_arm_version_and_probability_of_the_positive_class(serving: Api) -> None:
    answer = serving.client.post(PREDICT, json=rows(entity_id="c1", prediction_id="a"))

    assert answer.json() == {
        "predictions": [{"prediction_id": "a", "entity_id": "c1", "arm": "champion", "version": 1, "prediction": "yes", "probability": 0.8}]
    }
    assert list(serving.log.waiting) == ["a"]


def test_an_id_is_made_where_none_is_given(serving: Api) -> None:
    answer = serving.client.post(PREDICT, json=rows({"plan": "pro"}, {"plan": "pro"}))

    ids = [each["prediction_id"] for each in answer.json()["predictions"]]
    assert (len(set(ids)), list(serving.log.waiting)) == (2, ids)


def test_answers_come_in_the_order_of_the_instances_from_one_call_of_the_model(serving: Api) -> None:
    scorer = serving.book.scorers[1]
    assert isinstance(scorer, FakeScorer)
    instances = [{"features": {"plan": "pro"}, "entity_id": f"c{n}"} for n in range(5)]

    answer = serving.client.post(PREDICT, json={"instances": instances})

    assert [each["entity_id"] for each in answer.json()["predictions"]] == [f"c{n}" for n in range(5)]
    assert scorer.rows[-1] == 5


def test_a_repeated_id_gets_its_first_answer_also_from_another_champion(serving: Api) -> None:
    first = serving.client.post(PREDICT, json=rows(prediction_id="a")).json()
    serving.promoted(2, previous=1)

    again = serving.client.post(PREDICT, json=rows(prediction_id="a")).json()
    other = serving.client.post(PREDICT, json=rows(prediction_id="b")).json()

    assert again == first
    assert other["predictions"][0]["version"] == 2


def test_an_id_of_another_models_prediction_is_409(serving: Api) -> None:
    serving.book.bound["other", 1] = a_version(1, "other")
    serving.ledger.append(an_event(Kind.DECIDED, "other-1", {"version": 1, "previous": None, "action": "promote"}, model="other"))
    serving.parts.follower.refresh()
    serving.client.post(PREDICT, json=rows(prediction_id="a"))

    answer = serving.client.post("/v1/models/other/predict", json=rows(prediction_id="a"))

    assert (answer.status_code, answer.json()["field"]) == (409, "instances[0].prediction_id")


def test_many_classes_answer_one_probability_each(api: Api) -> None:
    version = a_version(1, schema=a_schema(Task.MULTICLASS), threshold=None)
    api.book.bound["churn", 1] = version
    api.book.scorers = {1: FakeScorer(version.schema, [0.2, 0.5, 0.3])}
    api.promoted(1)

    (answer,) = api.client.post(PREDICT, json=rows()).json()["predictions"]

    assert (answer["prediction"], answer["probability"]) == ("low", [0.2, 0.5, 0.3])


def test_a_regression_answers_a_number_and_no_probability(api: Api) -> None:
    (answer,) = regressing(api).client.post(PREDICT, json=rows()).json()["predictions"]

    assert (answer["prediction"], answer["probability"]) == (3.5, None)


@pytest.mark.parametrize(
    ("features", "field"),
    [
        ({"score": "0.5", "plan": "pro"}, "score"),
        ({"score": True, "plan": "pro"}, "score"),
        ({"score": [0.5], "plan": "pro"}, "score"),
        ({"score": {"a": 1}, "plan": "pro"}, "score"),
        ({"score": 10**400, "plan": "pro"}, "score"),
        ({"score": 0.5}, "plan"),
        ({"score": 0.5, "plan": None}, "plan"),
        ({"score": 0.5, "plan": "pro", "age": 3}, "age"),
        ({"score": 0.5, "plan": "x" * 70_000}, "plan"),
    ],
)
def test_a_wrong_instance_is_named_by_place_and_field_and_nothing_is_logged(serving: Api, features: Any, field: str) -> None:
    serving.app.body_limit = 1_000_000

    answer = serving.client.post(PREDICT, json=rows({"score": 0.5, "plan": "pro"}, features))

    assert (answer.status_code, answer.json()["field"]) == (422, f"instances[1].features.{field}")
    assert serving.log.waiting == {}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_refused(serving: Api, number: str) -> None:
    body = f'{{"instances":[{{"features":{{"score":{number},"plan":"pro"}}}}]}}'

    answer = serving.client.post(PREDICT, content=body.encode(), headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["field"]) == (422, "instances[0].features.score")


@pytest.mark.parametrize("key", ["prediction_id", "entity_id"])
@pytest.mark.parametrize("name", ["", "x" * 201, "a\0", "a ", 5])
def test_a_name_that_no_database_can_keep_is_refused(serving: Api, key: str, name: object) -> None:
    answer = serving.client.post(PREDICT, json=rows(**{key: name}))

    assert (answer.status_code, answer.json()["field"]) == (422, f"instances[0].{key}")


@pytest.mark.parametrize("count", [0, 10_001])
def test_a_request_holds_1_to_10000_instances(serving: Api, count: int) -> None:
    serving.app.body_limit = 1_000_000

    answer = serving.client.post(PREDICT, json={"instances": [{"features": {}}] * count})

    assert (answer.status_code, answer.json()["field"]) == (422, "instances")


@pytest.mark.parametrize("key", ["prediction_id", "entity_id", "features", "extra"])
def test_half_a_character_is_refused(serving: Api, key: str) -> None:
    value = '{"plan": "pro", "\\ud800": 1}' if key == "features" else '"\\ud800"'

    answer = serving.client.post(
        PREDICT, content=f'{{"instances": [{{"features": {{}}, "{key}": {value}}}]}}'.encode(), headers={"content-type": "application/json"}
    )

    assert (answer.status_code, serving.log.waiting) == (422, {})
    assert answer.json()["field"].startswith("instances[0].")


def test_a_body_that_is_nested_too_deeply_is_refused(serving: Api) -> None:
    answer = serving.client.post(PREDICT, content=b"[" * 5000, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["title"]) == (422, "InvalidRequest")
    assert "nested too deeply" in answer.json()["detail"]


def test_a_number_of_thousands_of_digits_is_refused_for_what_it_is(serving: Api) -> None:
    body = b'{"instances": [{"features": {"score": ' + b"1" * 5000 + b"}}]}"

    answer = serving.client.post(PREDICT, content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, "too many digits" in answer.json()["detail"]) == (422, True)


def test_text_from_everywhere_is_a_category(serving: Api) -> None:
    for plan in ("Ünïcode 漢字 🙂", "", "<script>", "' OR 1=1 --", "a\0b", True, 7):
        answer = serving.client.post(PREDICT, json=rows({"plan": plan}))

        assert answer.status_code == 200, answer.text


def test_outcomes_are_recorded_once_each(serving: Api) -> None:
    first = serving.client.post(OUTCOMES, json=an_outcome_body())
    again = serving.client.post(OUTCOMES, json=an_outcome_body())

    assert (first.json(), again.json()) == (
        {"received": 1, "recorded": 1, "corrected": 0},
        {"received": 1, "recorded": 0, "corrected": 0},
    )


def test_a_corrected_outcome_is_counted_as_such(serving: Api) -> None:
    serving.client.post(OUTCOMES, json=an_outcome_body(value="yes"))

    answer = serving.client.post(OUTCOMES, json=an_outcome_body(value="no"))

    assert answer.json() == {"received": 1, "recorded": 1, "corrected": 1}


def test_outcomes_are_taken_while_nothing_serves(api: Api) -> None:
    answer = api.client.post(OUTCOMES, json=an_outcome_body(prediction_id=None, entity_id="c1"))

    assert answer.json() == {"received": 1, "recorded": 1, "corrected": 0}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"prediction_id": None}, "outcomes[0]"),
        ({"observed_at": "2026-03-31T12:00:00"}, "outcomes[0].observed_at"),
        ({"observed_at": "yesterday"}, "outcomes[0].observed_at"),
        ({"value": None}, "outcomes[0].value"),
        ({"value": ["yes"]}, "outcomes[0].value"),
        ({"prediction_id": "a "}, "outcomes[0].prediction_id"),
    ],
)
def test_a_wrong_outcome_is_named_by_place_and_field(serving: Api, changes: dict[str, Any], field: str) -> None:
    answer = serving.client.post(OUTCOMES, json=an_outcome_body(**changes))

    assert (answer.status_code, answer.json()["field"], serving.log.outcomes) == (422, field, {})


@pytest.mark.parametrize(("sent", "kept"), [("yes", "yes"), (True, "True"), (1, "1"), (1.0, "1")])
def test_a_classs_label_is_kept_as_it_reads_in_training_data(serving: Api, sent: object, kept: str) -> None:
    serving.client.post(OUTCOMES, json=an_outcome_body(value=sent))

    ((outcome,),) = serving.log.outcomes.values()
    assert (outcome.value, type(outcome.value)) == (kept, str)


@pytest.mark.parametrize("sent", [12, 12.0])
def test_the_truth_of_a_regression_is_kept_as_a_number(api: Api, sent: float) -> None:
    regressing(api).client.post(OUTCOMES, json=an_outcome_body(value=sent))

    ((outcome,),) = api.log.outcomes.values()
    assert (outcome.value, type(outcome.value)) == (12.0, float)


@pytest.mark.parametrize("sent", ["many", True, 10**400])
def test_the_truth_of_a_regression_must_be_a_number(api: Api, sent: object) -> None:
    answer = regressing(api).client.post(OUTCOMES, json=an_outcome_body(value=sent))

    assert (answer.status_code, answer.json()["field"]) == (422, "outcomes[0].value")
