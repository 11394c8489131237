"""When a retrain starts by itself: every cause, everything that holds one back, and all reasons written down."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.findings import Monitor
from driftgate.lifecycle.triggers import Asking, Cause, Circumstances, Prospect, Terms, TrialResult, Trigger, decide
from driftgate.lifecycle.verdicts import Verdict
from tests.builders import MODEL, NOON, a_finding

DAY = timedelta(days=1)
EVERY = tuple(monitor for monitor in Monitor if monitor not in (Monitor.TRAFFIC, Monitor.INPUTS, Monitor.CHALLENGER))
TERMS = Terms(on=EVERY, new_labels=1_000, cooldown=7 * DAY, monthly_budget=4)
FREE = Circumstances()


def asking(**changes: object) -> Asking:
    return Asking(**{"model": MODEL, "at": NOON, "version": 3, "pass_id": "pass-1", **changes})


def weighed(asked: Asking, found: Circumstances = FREE, terms: Terms = TERMS) -> Trigger | None:
    return decide("t1", 1, asked, found, terms)


DRIFTED = asking(findings=(a_finding("age"),))


def test_nothing_that_asks_is_nothing_recorded():
    quiet = asking(findings=(a_finding(verdict=Verdict.PASS), a_finding("b", Verdict.UNDECIDED)), labels=999)

    assert weighed(quiet) is None
    assert weighed(DRIFTED, terms=Terms()) is None


@pytest.mark.parametrize("monitor", EVERY)
def test_an_alarm_of_a_monitor_that_is_on_asks_for_a_retrain(monitor):
    found = asking(findings=(a_finding("age", monitor=monitor), a_finding("score", monitor=monitor)))

    fired = weighed(found, terms=Terms(on=(monitor,)))

    assert (fired.fired, fired.cause.value, fired.job_id) == (True, monitor.value, "retrain-t1")
    assert fired.reasons == (f"{monitor.value}: age 0.4 (limit 0.1); score 0.4 (limit 0.1)",)
    assert weighed(found, terms=Terms(on=tuple(other for other in EVERY if other is not monitor))) is None


def test_the_schedule_asks_and_so_do_enough_new_labels():
    due, labels = weighed(asking(due=NOON, pass_id=None)), weighed(asking(labels=1_000))

    assert (due.cause, due.fired, due.pass_id, due.at) == (Cause.SCHEDULE, True, None, NOON)
    assert "2026-03-01 12:00 UTC" in due.reasons[0]
    assert (labels.cause, labels.fired) == (Cause.NEW_LABELS, True)
    assert "1000 labels" in labels.reasons[0]


def test_every_cause_is_named():
    both = weighed(asking(findings=(a_finding("age"), a_finding("loss", monitor=Monitor.CONCEPT_SHIFT)), labels=2_000))

    assert set(both.causes) == {Cause.DATA_DRIFT, Cause.CONCEPT_SHIFT, Cause.NEW_LABELS}
    assert len(both.reasons) == 3


HINDRANCES = {
    "retrain-9": Circumstances(running="retrain-9"),
    "no worker": Circumstances(worker=False),
    "cooldown": Circumstances(last=NOON - 6 * DAY),
    "4 of the 4": Circumstances(spent=4),
    "would not help": Circumstances(trial=TrialResult(Prospect.DOES_NOT_HELP, "the same loss", 500)),
}


@pytest.mark.parametrize(("words", "found"), HINDRANCES.items())
def test_each_hindrance_alone_holds_a_retrain_back_and_says_why(words, found):
    held = weighed(DRIFTED, found)

    assert (held.fired, held.job_id) == (False, None)
    assert held.reasons[0].startswith("data_drift: age")
    (why,) = held.reasons[1:]
    assert why.startswith("held back: ")
    assert words in why


def test_all_hindrances_are_told_together():
    every = Circumstances(NOON - DAY, "retrain-9", 7, worker=False, trial=TrialResult(Prospect.DOES_NOT_HELP, "worse", 500))

    held = weighed(DRIFTED, every)

    assert len([reason for reason in held.reasons if reason.startswith("held back")]) == len(HINDRANCES)


def test_the_cooldown_ends_to_the_moment():
    assert weighed(DRIFTED, Circumstances(last=NOON - 7 * DAY)).fired
    assert not weighed(DRIFTED, Circumstances(last=NOON - 7 * DAY + timedelta(microseconds=1))).fired


def test_a_budget_of_none_holds_everything_back():
    assert not weighed(DRIFTED, terms=Terms(on=EVERY, monthly_budget=0)).fired


@pytest.mark.parametrize(("prospect", "words"), [(Prospect.HELPS, "a retrain would help"), (Prospect.UNKNOWN, "is not known")])
def test_a_trial_that_helps_or_says_nothing_holds_nothing_back_and_is_told(prospect, words):
    fired = weighed(DRIFTED, Circumstances(trial=TrialResult(prospect, "the trial's words", 300)))

    assert fired.fired
    assert words in fired.reasons[-1]
    assert "the trial's words" in fired.reasons[-1]
    assert fired.trial.prospect is prospect


CIRCUMSTANCES = st.builds(
    Circumstances,
    last=st.none() | st.integers(0, 30).map(lambda days: NOON - days * DAY),
    running=st.sampled_from([None, "retrain-9"]),
    spent=st.integers(0, 6),
    worker=st.booleans(),
    trial=st.sampled_from([None, *(TrialResult(prospect, "words") for prospect in Prospect)]),
)
ASKINGS = st.builds(
    asking,
    findings=st.lists(st.builds(a_finding, st.sampled_from("ab"), st.sampled_from(list(Verdict)), st.sampled_from(EVERY))).map(tuple),
    due=st.sampled_from([None, NOON]),
    labels=st.none() | st.integers(0, 2_000),
)
STRICTER = st.tuples(st.integers(0, 10), st.integers(0, 4))


@given(ASKINGS, CIRCUMSTANCES, STRICTER)
def test_stricter_terms_never_fire_more(asked, found, stricter):
    more_days, fewer = stricter
    strict = Terms(TERMS.on, TERMS.new_labels, TERMS.cooldown + more_days * DAY, TERMS.monthly_budget - fewer)

    loose, tight = weighed(asked, found), weighed(asked, found, strict)

    assert (loose is None) == (tight is None)
    assert loose is None or loose.fired or not tight.fired


@given(ASKINGS, CIRCUMSTANCES)
def test_a_consideration_always_has_a_cause_and_is_held_back_for_a_reason_or_not_at_all(asked, found):
    trigger = weighed(asked, found)

    if trigger is not None:
        assert trigger.causes
        assert trigger.fired == (trigger.job_id is not None)
        assert trigger.fired != any(reason.startswith("held back") for reason in trigger.reasons)
