from collections.abc import Iterable

import pytest

from driftgate.lifecycle.errors import DigestMismatch
from driftgate.lifecycle.findings import Finding, Monitor
from driftgate.lifecycle.verdicts import Verdict
from driftgate.service.monitoring.guarding import Guarded, Once
from tests.builders import a_finding


def gone() -> Iterable[Finding]:
    raise DigestMismatch("the snapshot is not the one registered")


def broken() -> Iterable[Finding]:
    yield a_finding()
    raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize(("measure", "words"), [(gone, "not the one registered"), (broken, "unexpected ZeroDivisionError")])
def test_what_goes_wrong_in_one_monitor_is_an_undecided_finding_and_a_problem(measure: object, words: str) -> None:
    guarded = Guarded()

    (found,) = guarded.ask(Monitor.DATA_DRIFT, measure)
    guarded.ask(Monitor.OUTPUTS, lambda: [a_finding("null_outputs", monitor=Monitor.OUTPUTS)])

    assert (found.monitor, found.verdict) == (Monitor.DATA_DRIFT, Verdict.UNDECIDED)
    assert words in found.reasons[0]
    assert words in guarded.problems[0]
    assert [finding.monitor for finding in guarded.findings] == [Monitor.DATA_DRIFT, Monitor.OUTPUTS]


def test_a_monitor_that_is_off_is_not_asked() -> None:
    guarded = Guarded(off={Monitor.DATA_DRIFT})

    assert guarded.ask(Monitor.DATA_DRIFT, gone) == ()
    assert (guarded.findings, guarded.problems) == ([], [])


class Owner:
    def __init__(self, error: Exception | None = None) -> None:
        self.made = 0
        self.error = error

    @Once
    def value(self) -> int:
        self.made += 1
        if self.error is not None:
            raise self.error
        return 7


def test_a_property_is_made_once_and_fails_once() -> None:
    good, bad = Owner(), Owner(DigestMismatch("gone"))

    assert [good.value, good.value] == [7, 7]
    for _ in range(2):
        with pytest.raises(DigestMismatch):
            _ = bad.value

    assert (good.made, bad.made) == (1, 1)
