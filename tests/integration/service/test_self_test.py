"""The gates refuse what they should on generated rows of each kind of task, and the self-test says so where they would not."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Verdict
from driftgate.service.cli.main import cli
from driftgate.service.self_test import HARMLESS, WORSE, SelfTest, Trial, run
from driftgate.service.self_test_candidates import REFIT, SHOULD_BLOCK
from driftgate.service.settings import load
from tests.fakes import FakePayloadLog

pytestmark = pytest.mark.slow

ROWS = 2_400
QUICK = Policy(off=("cost", "degradation", "freshness", "replay"))
"""Without the gates that take long and have nothing to say of these candidates."""
MAY_BE_HARMLESS = {
    "binary": {REFIT, "a_tenth_of_the_rows"},
    "multiclass": {REFIT, "a_tenth_of_the_rows", "distorted_outputs"},
    "regression": {REFIT, "a_tenth_of_the_rows"},
}
"""A tenth of the rows is enough for a linear model of five columns. And rows of before the turn make the champion timid: to square the
probabilities of three classes, and scale them, cures that as often as not."""
PROJECT = """
[models.clients]
source = { path = "rows.csv" }
target = "target"
estimator = { name = "ESTIMATOR" }
MORE
"""


def rows(task: str, *, turned: bool = True) -> pd.DataFrame:
    """Three years of clients. What makes them leave turns round in the first one, so that an old version is a bad one."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"tenure": rng.normal(size=ROWS), "spend": rng.normal(size=ROWS), "noise": rng.normal(size=ROWS)})
    frame["plan"] = rng.choice(["basic", "pro", "team"], ROWS, p=[0.5, 0.35, 0.15])
    frame["when"] = pd.date_range("2023-01-01", periods=ROWS, freq="11h")
    sign = np.where((frame["when"] < "2023-06-01") & turned, -1.0, 1.0)
    signal = sign * 2.5 * frame["tenure"] + 1.5 * frame["spend"] + 1.5 * (frame["plan"] == "team")
    noisy = signal + rng.logistic(size=ROWS)
    if task == "binary":
        frame["target"] = np.where(noisy > 0.5, "yes", "no")
    elif task == "multiclass":
        frame["target"] = np.select([noisy < -1.5, noisy < 2.0], ["low", "mid"], "high")
    else:
        frame["target"] = 20.0 + 3.0 * noisy
    return frame


def project(folder: Path, task: str, more: str = 'time = "when"', **options: bool) -> Path:
    rows(task, **options).to_csv(folder / "rows.csv", index=False)
    estimator = "linear" if task == "regression" else "logistic"
    (folder / "driftgate.toml").write_text(PROJECT.replace("ESTIMATOR", estimator).replace("MORE", more), encoding="utf-8")
    return folder


def tried(folder: Path, policy: Policy, kinds: tuple[str, ...] = tuple(SHOULD_BLOCK)) -> SelfTest:
    return run(load(folder, {}), "clients", policy, FakePayloadLog(), lambda _: None, kinds)


def by_kind(found: SelfTest) -> dict[str, Trial]:
    return {trial.kind: trial for trial in found.trials}


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_known_bad_candidates_are_refused_by_a_gate_that_is_there_for_them(tmp_path: Path, task: str) -> None:
    found = tried(project(tmp_path, task), QUICK)

    trials = by_kind(found)
    assert found.passed, [(trial.kind, trial.truth, trial.blocking) for trial in found.trials if not trial.as_it_should]
    assert [kind for kind, trial in trials.items() if trial.problem is not None] == []
    assert {kind for kind, trial in trials.items() if trial.truth == WORSE} >= set(SHOULD_BLOCK) - MAY_BE_HARMLESS[task]
    assert "data_quality" in trials["leaked_target"].blocking
    assert "slices" in trials["broken_segment"].blocking
    assert (trials[REFIT].non_inferior, trials[REFIT].truth) == (Verdict.PASS, HARMLESS)


def test_a_leak_that_no_gate_looks_for_is_told(tmp_path: Path) -> None:
    found = tried(project(tmp_path, "binary"), Policy(off=(*QUICK.off, "data_quality")), ("leaked_target",))

    assert found.trials[0].truth == WORSE
    assert not found.passed
    assert "comparison" not in found.trials[0].blocking


def test_what_has_no_meaning_on_these_rows_is_not_applicable_and_says_why(tmp_path: Path) -> None:
    found = tried(project(tmp_path, "binary", 'drop = ["when"]', turned=False), QUICK, ("a_year_old", REFIT))

    trials = by_kind(found)
    assert trials["a_year_old"].problem is not None
    assert "no time column" in trials["a_year_old"].problem
    assert trials["a_year_old"].as_it_should
    assert found.passed


def test_the_command_prints_the_table_and_registers_nothing(tmp_path: Path) -> None:
    folder = project(tmp_path, "binary", 'drop = ["when"]\ngates = { off = ["degradation", "cost"] }', turned=False)

    done = CliRunner().invoke(cli, ["--project", str(folder), "gate", "--self-test", "--json"])

    document = json.loads(done.stdout)
    assert (done.exit_code, document["passed"]) == (0, True)
    assert [each["kind"] for each in document["candidates"]] == list(SHOULD_BLOCK)
    assert document["rows"] == {"train": 1200, "judged": 600, "aside": 600}
    assert not (folder / ".driftgate/mlflow.db").exists()
