from driftgate.lifecycle.findings import Finding
from driftgate.lifecycle.judging.inputs import Inputs, judged
from driftgate.lifecycle.verdicts import Verdict


def by_name(seen: Inputs) -> dict[str, Finding]:
    return {finding.name: finding for finding in judged(seen)}


def test_whole_columns_pass_and_every_question_is_answered_each_time() -> None:
    found = by_name(Inputs(100))

    assert {finding.verdict for finding in found.values()} == {Verdict.PASS}
    assert set(found) == set(by_name(Inputs(100, ("a",), ("b",), {"c": 100}, {"d": 1})))


def test_a_lost_column_alarms_by_name() -> None:
    found = by_name(Inputs(100, lost=("age",)))["lost_columns"]

    assert found.verdict is Verdict.FAIL
    assert "age" in found.reasons[0]


def test_an_unknown_column_is_told_and_alarms_nobody() -> None:
    found = by_name(Inputs(100, new=("campaign",)))["new_columns"]

    assert found.verdict is Verdict.PASS
    assert "campaign" in found.reasons[0]


def test_a_few_broken_values_pass_and_more_than_a_hundredth_of_a_column_alarm() -> None:
    few, many = (by_name(Inputs(100, retyped={"age": count}, infinite={"age": count})) for count in (1, 2))

    assert {few[name].verdict for name in ("retyped_values", "infinite_values")} == {Verdict.PASS}
    assert {many[name].verdict for name in ("retyped_values", "infinite_values")} == {Verdict.FAIL}
    assert "age 2.0%" in many["retyped_values"].reasons[0]
