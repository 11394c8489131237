import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.attempts import attempted, spent
from driftgate.lifecycle.ledger import Kind
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.policy_changes import looser
from tests.builders import an_event
from tests.fakes import a_ledger_of


def judged(
    subject: str, version: int, holdout: str = "h", against: int | None = 1, kind: Kind = Kind.JUDGED, model: str = "churn"
) -> object:
    body = {"judged_version": version, "holdout_sha256": holdout, "judged_against": against, "version": version, "shadow_only": False}
    return an_event(kind, subject, body, model=model)


def test_versions_are_counted_that_were_judged_on_the_same_rows_against_the_same_champion() -> None:
    ledger = a_ledger_of(
        judged("p1", 2),
        judged("p2", 2),
        judged("p3", 3, kind=Kind.CHALLENGED),
        judged("p4", 4, kind=Kind.CHALLENGE_REFUSED),
        judged("p5", 5, holdout="other"),
        judged("p6", 6, against=9),
        judged("p7", 7, model="other"),
        judged("p8", 8, kind=Kind.DECIDED),
        an_event(Kind.CHALLENGED, "shadow", {"version": 9, "shadow_only": True}),
    )

    assert attempted(ledger.stored, "churn", "h", 1) == {2, 3, 4}


@pytest.mark.parametrize(("others", "confidence"), [(0, 0.95), (1, 0.975), (2, 0.9875)])
def test_each_other_version_halves_what_chance_of_error_is_left(others: int, confidence: float) -> None:
    assert spent(Policy(), others).confidence == pytest.approx(confidence)


@given(st.floats(0.5, 0.999), st.integers(1, 200))
def test_all_attempts_together_stay_below_twice_the_level(confidence: float, count: int) -> None:
    levels = [1 - spent(Policy(confidence=confidence), others).confidence for others in range(min(count, 21))]

    assert sum(levels) <= 2 * (1 - confidence) + 1e-9


@given(st.floats(0.5, 0.9999), st.integers(0, 10_000))
def test_spending_never_loosens_and_never_reaches_certainty(confidence: float, others: int) -> None:
    policy = Policy(confidence=confidence)

    assert looser(policy, spent(policy, others)) == ()
    assert spent(policy, others).confidence < 1


def test_a_policy_may_do_without() -> None:
    policy = Policy(spend_level=False)

    assert spent(policy, 5) == policy
