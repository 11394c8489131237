from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.challenges import admitted, integrity_gate, interface_gate
from driftgate.lifecycle.gates import judge, verdict_over
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.schema import Column, ColumnKind, Task
from driftgate.lifecycle.verdicts import Gate, Verdict
from tests.builders import a_schema, passing_evidence

NAMES = tuple(gate.name for gate in judge(passing_evidence(), Policy()))
gates = st.tuples(*(st.builds(Gate, st.just(name), st.sampled_from(Verdict), st.just(("why",))) for name in NAMES))


def a_gate(name: str, verdict: Verdict) -> Gate:
    return Gate(name, verdict, ("why",))


class TestAdmitted:
    @pytest.mark.parametrize("name", NAMES)
    def test_a_gate_that_fails_keeps_a_version_out(self, name: str) -> None:
        assert not admitted([a_gate("other", Verdict.PASS), a_gate(name, Verdict.FAIL)])

    @pytest.mark.parametrize("name", NAMES)
    def test_only_the_comparison_may_be_undecided(self, name: str) -> None:
        assert admitted([a_gate("other", Verdict.PASS), a_gate(name, Verdict.UNDECIDED)]) == (name == "comparison")

    @given(gates)
    def test_whoever_could_be_promoted_may_challenge(self, judged: tuple[Gate, ...]) -> None:
        assert admitted(judged) or verdict_over(judged) is not Verdict.PASS

    @given(gates)
    def test_whatever_fails_never_challenges(self, judged: tuple[Gate, ...]) -> None:
        assert not (admitted(judged) and any(gate.verdict is Verdict.FAIL for gate in judged))


class TestIntegrityGate:
    def test_a_problem_fails_and_is_the_reason(self) -> None:
        gate = integrity_gate("the artifact was changed")

        assert (gate.verdict, gate.reasons) == (Verdict.FAIL, ("the artifact was changed",))

    def test_without_a_problem_it_passes(self) -> None:
        assert integrity_gate().verdict is Verdict.PASS


class TestInterfaceGate:
    def test_the_same_schema_passes_without_a_note(self) -> None:
        gate = interface_gate(a_schema(), a_schema())

        assert (gate.verdict, len(gate.reasons)) == (Verdict.PASS, 1)

    def test_a_version_that_answers_something_else_fails(self) -> None:
        other_task = interface_gate(a_schema(Task.REGRESSION), a_schema())
        other_classes = interface_gate(a_schema(classes=("yes", "no")), a_schema())

        assert (other_task.verdict, other_classes.verdict) == (Verdict.FAIL, Verdict.FAIL)
        assert "regression" in other_task.reasons[0]
        assert "yes, no" in other_classes.reasons[0]

    @pytest.mark.parametrize(
        ("column", "words"),
        [
            (Column("age", ColumnKind.NUMERIC), "is not one of the champion's"),
            (Column("score", ColumnKind.CATEGORICAL), "is categorical here, and numeric for the champion"),
            (Column("score", ColumnKind.NUMERIC, nullable=False), "may be missing for the champion, and not here"),
        ],
    )
    def test_a_feature_that_it_may_not_get_is_said_and_does_not_block(self, column: Column, words: str) -> None:
        gate = interface_gate(replace(a_schema(), columns=(column,)), a_schema())

        assert gate.verdict is Verdict.PASS
        assert words in gate.reasons[1]

    def test_a_feature_less_is_no_note(self) -> None:
        fewer = replace(a_schema(), columns=a_schema().columns[:1])

        assert len(interface_gate(fewer, a_schema()).reasons) == 1
