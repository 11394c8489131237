"""When a retrain starts by itself: every cause, everything that holds one back, and all reasons written down."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.findings import Monitor
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.triggers import Asking, Cause, Circumstances, Prospect, Refusal, Terms, TrialResult, Trigger, about, decide
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


@pytest.mark.parametrize("monitor", EVERY)
def test_a_trial_is_about_the_window_that_alarmed_where_outcomes_did(monitor):
    window = Window(NOON - 7 * DAY, NOON)
    asked = asking(findings=(a_finding("age"), a_finding("loss", monitor=monitor)), judged=window)
    knows = monitor in {Monitor.CONCEPT_SHIFT, Monitor.PERFORMANCE, Monitor.CALIBRATION, Monitor.IMPACT}

    assert about(asked, TERMS) == (window if knows else None)
    assert about(asked, Terms(on=(Monitor.DATA_DRIFT,))) is None


def refused(**changes: object) -> Refusal:
    """Version 4, made of 1,000 rows two weeks ago because a column drifted, refused since."""
    then = (a_finding("age"), a_finding("loss", monitor=Monitor.PERFORMANCE, value=0.4, lower=0.3, upper=0.5))
    defaults = {
        "at": NOON - 14 * DAY,
        "causes": (Cause.DATA_DRIFT,),
        "findings": then,
        "words": "refused (degradation: age)",
        "rows": 1_000,
    }
    return Refusal(**{"version": 4, **defaults, **changes})


HINDRANCES = {
    "retrain-9": Circumstances(running="retrain-9"),
    "no worker": Circumstances(worker=False),
    "cooldown": Circumstances(last=NOON - 6 * DAY),
    "4 of the 4": Circumstances(spent=4),
    "version 4, made for the same cause (data_drift)": Circumstances(refused=refused()),
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
    worse = TrialResult(Prospect.DOES_NOT_HELP, "worse", 500)
    every = Circumstances(NOON - DAY, "retrain-9", 7, worker=False, trial=worse, refused=refused())

    held = weighed(DRIFTED, every)

    assert len([reason for reason in held.reasons if reason.startswith("held back")]) == len(HINDRANCES)


def test_the_cooldown_ends_to_the_moment():
    assert weighed(DRIFTED, Circumstances(last=NOON - 7 * DAY)).fired
    assert not weighed(DRIFTED, Circumstances(last=NOON - 7 * DAY + timedelta(microseconds=1))).fired


def test_a_budget_of_none_holds_everything_back():
    assert not weighed(DRIFTED, terms=Terms(on=EVERY, monthly_budget=0)).fired


def test_after_a_refusal_the_reason_names_who_was_refused_why_and_what_is_waited_for():
    (_, why) = weighed(DRIFTED, Circumstances(refused=refused(labels=120))).reasons

    assert "version 4, made for the same cause (data_drift), was refused (degradation: age)" in why
    assert "for 500 new labels (120 so far; triggers.retry_share of its 1,000 rows)" in why
    assert "until 2026-03-17 12:00 UTC" in why


@pytest.mark.parametrize(
    ("share", "labels", "fired"), [(0.5, 499, False), (0.5, 500, True), (0.0, 0, True), (2.0, 1_999, False), (2.0, 2_000, True)]
)
def test_after_a_refusal_enough_new_labels_ask_again(share, labels, fired):
    assert weighed(DRIFTED, Circumstances(refused=refused(labels=labels)), Terms(on=EVERY, retry_share=share)).fired is fired


@pytest.mark.parametrize(("days", "fired"), [(29.9, False), (30, True)])
def test_after_a_refusal_the_same_cause_waits_no_longer_than_its_time(days, fired):
    assert weighed(DRIFTED, Circumstances(refused=refused(at=NOON - days * DAY))).fired is fired


@pytest.mark.parametrize(
    "news",
    [
        {"findings": (a_finding("age"), a_finding("loss", monitor=Monitor.CONCEPT_SHIFT))},
        {"findings": (a_finding("age"),), "due": NOON},
        {"findings": (a_finding("age"),), "labels": 1_000},
    ],
)
def test_after_a_refusal_another_cause_the_clock_and_new_labels_are_not_held(news):
    assert weighed(asking(**news), Circumstances(refused=refused())).fired


def test_a_clock_that_brought_about_the_refused_version_is_not_held_either():
    assert weighed(asking(due=NOON), Circumstances(refused=refused(causes=(Cause.SCHEDULE,)))).fired


@pytest.mark.parametrize(
    ("now", "fired"),
    [
        ({"value": 0.55, "lower": 0.45, "upper": 0.65}, False),
        ({"value": 0.7, "lower": 0.51, "upper": 0.9}, True),
        ({"value": 0.2, "lower": 0.1, "upper": 0.29}, False),
        ({"value": 0.9, "lower": None, "upper": None}, False),
        ({"value": 0.05, "lower": 0.01, "upper": 0.09}, True),
        ({"value": 0.05, "lower": 0.01, "upper": 0.35}, False),
        ({"value": None, "lower": None, "upper": None}, False),
    ],
)
def test_after_a_refusal_what_is_surely_further_beyond_its_limit_asks_again(now, fired):
    """The limit is .1; on the pass that asked for the refused version the value was .4, surely between .3 and .5."""
    lost = asking(findings=(a_finding("loss", monitor=Monitor.PERFORMANCE, **now),))

    assert weighed(lost, Circumstances(refused=refused(causes=(Cause.PERFORMANCE,)))).fired is fired


def test_what_was_not_measured_before_the_refusal_is_news():
    assert weighed(asking(findings=(a_finding("income"),)), Circumstances(refused=refused())).fired


def test_what_gets_worse_without_asking_is_no_news():
    worse = a_finding("loss", monitor=Monitor.PERFORMANCE, value=0.9, lower=0.8, upper=1.0)
    drift_only = Terms(on=(Monitor.DATA_DRIFT,))

    assert not weighed(asking(findings=(a_finding("age"), worse)), Circumstances(refused=refused()), drift_only).fired


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
    refused=st.none() | st.integers(0, 1_200).map(lambda labels: refused(labels=labels)),
)
ASKINGS = st.builds(
    asking,
    findings=st.lists(st.builds(a_finding, st.sampled_from("ab"), st.sampled_from(list(Verdict)), st.sampled_from(EVERY))).map(tuple),
    due=st.sampled_from([None, NOON]),
    labels=st.none() | st.integers(0, 2_000),
)
STRICTER = st.tuples(st.integers(0, 10), st.integers(0, 4), st.floats(0, 2))


@given(ASKINGS, CIRCUMSTANCES, STRICTER)
def test_stricter_terms_never_fire_more(asked, found, stricter):
    more_days, fewer, more = stricter
    budget, share, patience = TERMS.monthly_budget - fewer, TERMS.retry_share + more, TERMS.retry_after + more_days * DAY
    strict = Terms(TERMS.on, TERMS.new_labels, TERMS.cooldown + more_days * DAY, budget, share, patience)

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
