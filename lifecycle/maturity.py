"""Which outcomes may judge: those of payloads old enough that every truth has had its time to arrive."""

from datetime import datetime, timedelta

from driftgate.lifecycle.payloads import Window


def matured(window: Window, now: datetime, maturity: timedelta) -> Window | None:
    """The part of the window whose payloads are at least `maturity` old at `now`; None where there is none.

    "Labels so far" are biased. Good and bad news travel at different speeds: a client who cancels says so today, one who stays
    says nothing until the month is over. Among the youngest payloads the fast kind of truth is over-represented, however many
    labels there are, so they are cut off and not weighed.
    """
    end = min(window.end, now - maturity)
    return Window(window.start, end) if end > window.start else None
