"""What a self-test makes of its trials, and how it is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Verdict
from driftgate.service import documents
from driftgate.service.cli.main import main
from driftgate.service.cli.self_testing import lines
from driftgate.service.self_test import HARMLESS, UNCLEAR, WORSE, SelfTest, Trial
from driftgate.service.self_test_candidates import REFIT, SHOULD_BLOCK
from tests.builders import passing_comparison


def trial(kind: str, truth: str, *blocking: str, verdict: Verdict = Verdict.UNDECIDED) -> Trial:
    eased = Verdict.FAIL if blocking else Verdict.PASS
    return Trial(kind, None, "", passing_comparison(), 0.0044, truth, verdict, eased, blocking)


def tried(*trials: Trial) -> SelfTest:
    return SelfTest("churn", Policy(), 900, 300, 300, trials)


@pytest.mark.parametrize("kind", [kind for kind in SHOULD_BLOCK if kind != REFIT])
def test_a_truly_worse_one_must_be_refused_by_a_gate_that_is_there_for_it(kind: str) -> None:
    assert trial(kind, WORSE, SHOULD_BLOCK[kind][0]).as_it_should
    assert not trial(kind, WORSE, "cost").as_it_should
    assert not trial(kind, WORSE).as_it_should
    assert not trial(kind, WORSE, verdict=Verdict.PASS).as_it_should


@pytest.mark.parametrize("truth", [HARMLESS, UNCLEAR])
def test_of_one_that_is_not_surely_worse_nothing_is_asked(truth: str) -> None:
    assert trial("swapped_features", truth).as_it_should


def test_a_refit_must_not_fail_and_may_be_undecided() -> None:
    assert trial(REFIT, HARMLESS).as_it_should
    assert not trial(REFIT, HARMLESS, "calibration").as_it_should
    assert replace(trial(REFIT, HARMLESS, "comparison"), non_inferior=Verdict.UNDECIDED).as_it_should


def test_what_cannot_be_made_is_no_fault() -> None:
    assert tried(Trial("a_year_old", problem="no time column is named")).passed


def test_the_table_says_what_is_wrong() -> None:
    found = tried(
        trial(REFIT, HARMLESS, "calibration"),
        trial("leaked_target", WORSE, "cost"),
        trial("constant_output", WORSE),
        Trial("a_year_old", problem="no time column is named"),
    )

    text = "\n".join(lines(documents.self_tested(found)))

    assert "identical refit: a version that is as good as the champion fails: look at calibration" in text
    assert "leaked target: it is refused, but only by cost, which is not there for it" in text
    assert "constant output: it is truly worse, and every gate would let it through" in text
    assert "a year old: not applicable: no time column is named" in text
    assert not documents.self_tested(found)["passed"]


@pytest.mark.parametrize("arguments", [[], ["3", "--self-test"]])
def test_a_version_or_the_self_test_is_named_and_not_both(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["driftgate", "--project", str(tmp_path), "gate", *arguments])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
