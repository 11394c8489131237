"""The bank stream through API and worker: the first alarm is a true one, and each shift brings one retrain, and nothing else does."""

import itertools
import os

import pytest

from benchmarks.replay import QUICK, run
from benchmarks.replay_tables import Month, summary
from tests.real_data import data

FULL = os.environ.get("DRIFTGATE_SOAK") == "1"


@pytest.fixture(scope="module")
def months(tmp_path_factory: pytest.TempPathFactory) -> list[Month]:
    file = data("bank-additional-full.csv.gz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRIFTGATE_TEST_DATA", str(file.parent))
        return run(tmp_path_factory.mktemp("replay"), None if FULL else QUICK)


@pytest.mark.slow
@pytest.mark.timeout(1800 if FULL else 600)
def test_the_first_alarm_is_true_and_each_shift_brings_one_retrain(months: list[Month]) -> None:
    found = summary(months)

    assert found["shifts"] == (5 if FULL else 1), "the replay must reach its shifts, or it shows nothing"
    assert found["first_alarm_true"]
    assert found["retrains_per_shift"] == [1] * found["shifts"]
    assert (found["retrains_in_between"], found["alarms_in_between"], found["due_and_missed"]) == ([], [], [])


@pytest.mark.slow
@pytest.mark.timeout(1800 if FULL else 600)
def test_what_would_not_help_is_held_back_with_its_reason(months: list[Month]) -> None:
    (held,) = [month for month in months if month.held]

    assert held.name.startswith("2008-10")
    assert any("held back: a retrain would not help" in reason for reason in held.held)


@pytest.mark.slow
@pytest.mark.timeout(1800 if FULL else 600)
def test_a_promoted_version_serves_the_next_month_and_loses_less_than_no_retrain(months: list[Month]) -> None:
    promoted = [(month, later) for month, later in itertools.pairwise(months) if month.promotion == "promoted"]

    assert all(month.candidate and month.promotion.startswith(("promoted", "refused")) for month in months if month.fired)
    assert all(later.version == month.candidate for month, later in promoted)
    if FULL:
        found = summary(months)
        assert len(promoted) == found["promotions"] == found["retrains"]
        assert found["served_loss"] < 0.42
        assert found["served_loss"] < 0.8 * found["never_loss"]
