"""Which part of a window may be judged."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.maturity import matured
from driftgate.lifecycle.payloads import Window
from tests.builders import NOON, a_window

DAY = timedelta(days=1)
spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400))


def test_a_window_that_is_old_enough_is_judged_whole():
    assert matured(a_window(24), NOON + 31 * DAY, 30 * DAY) == a_window(24)


def test_a_window_is_cut_where_its_payloads_are_too_young():
    assert matured(a_window(48), NOON + 31 * DAY, 30 * DAY) == a_window(24)


def test_a_window_of_which_nothing_is_old_enough_is_not_judged():
    assert matured(a_window(24), NOON + 30 * DAY, 30 * DAY) is None


@given(st.tuples(spans, spans), spans, spans)
def test_what_is_judged_lies_in_the_window_and_is_never_too_young(ends, age, maturity):
    window = Window(NOON + min(ends), NOON + max(ends))
    now = NOON + age

    found = matured(window, now, maturity)

    assert found is None or (found.start == window.start < found.end <= min(window.end, now - maturity))
    assert (found is None) == (min(window.end, now - maturity) <= window.start)
