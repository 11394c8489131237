import math

import pytest

from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.lifecycle.payloads import Arm
from driftgate.lifecycle.schema import Task
from driftgate.reports.impact.cases import Favour, cases, favour
from tests.builders import a_payload, a_schema, a_window, an_outcome

WINDOW = a_window()
GOOD = Favour("no", frozenset({"no", "yes"}))


def test_of_two_classes_the_one_that_is_not_positive_is_taken_to_be_good():
    found = favour(a_schema(), None)

    assert (found.label, found.assumed) == ("no", True)
    assert [found.value(an_outcome(value=value)) for value in ("no", "yes", "maybe", 1.0)] == [1.0, 0.0, None, None]


def test_what_the_settings_name_is_not_assumed():
    assert (favour(a_schema(), "yes").label, favour(a_schema(), "yes").assumed) == ("yes", False)


def test_a_label_that_is_no_class_is_refused():
    with pytest.raises(InvalidConfiguration, match=r"monitoring\.favourable.*no, yes"):
        favour(a_schema(), "churned")
    with pytest.raises(InvalidConfiguration, match="higher"):
        favour(a_schema(Task.REGRESSION), "no")


def test_nobody_guesses_among_three_classes_or_none():
    assert "more than two" in favour(a_schema(Task.MULTICLASS), None)
    assert favour(a_schema(Task.MULTICLASS), "mid").label == "mid"
    assert "no version" in favour(None, None)
    assert favour(None, "no").label == "no"


@pytest.mark.parametrize(("wanted", "sign", "words"), [(None, 1.0, "higher outcomes"), ("lower", -1.0, "lower outcomes")])
def test_numbers_are_good_where_they_are_high_or_as_told(wanted, sign, words):
    found = favour(a_schema(Task.REGRESSION), wanted)

    assert (found.sign, found.words) == (sign, words)
    assert [found.value(an_outcome(value=value)) for value in (2.5, "two", math.inf, math.nan)] == [2.5, None, None, None]


def test_a_label_that_reads_like_a_number_is_the_label():
    assert Favour("1", frozenset({"0", "1"})).value(an_outcome(value=1.0)) == 1.0


def test_an_entity_seen_in_two_arms_is_left_out_and_counted():
    stayed, left, came = (
        a_payload("a", entity_id="stays"),
        a_payload("b", entity_id="moves"),
        a_payload("c", entity_id="moves", arm=Arm.HEURISTIC, version=None),
    )

    found = cases([stayed, left, came], [(each, an_outcome(each.prediction_id, "no")) for each in (stayed, left, came)], WINDOW, GOOD)

    assert (len(found.entity), found.moved) == (1, 1)


def test_a_move_that_has_not_matured_counts_as_well():
    early, late = (
        a_payload("a", entity_id="moves"),
        a_payload("b", entity_id="moves", arm=Arm.HEURISTIC, version=None, event_time=WINDOW.end),
    )

    found = cases([early, late], [(early, an_outcome("a", "no"))], WINDOW, GOOD)

    assert (len(found.entity), found.moved) == (0, 1)


def test_without_an_entity_a_payload_is_outside():
    found = cases([a_payload("a", entity_id=None)], [], WINDOW, GOOD)

    assert (len(found.entity), found.nameless) == (0, 1)


def test_outcomes_that_the_task_does_not_know_are_counted_and_unused():
    payload, other = a_payload("a"), a_payload("b", entity_id="c2")

    found = cases([payload, other], [(payload, an_outcome("a", "perhaps")), (other, an_outcome("b", "no"))], WINDOW, GOOD)

    assert found.strange == 1
    assert [math.isnan(value) for value in found.value] == [True, False]


def test_nothing_matured_gives_no_cases():
    assert len(cases([a_payload("a")], [], None, GOOD).entity) == 0
