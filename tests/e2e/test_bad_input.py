"""Bad input, at the command line: a clear error that says what to do, and nothing is changed."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftgate.service.bootstrap import wire
from driftgate.service.settings import load
from tests.e2e.projects import clients, driftgate, small_project, told

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = small_project(tmp_path_factory.mktemp("bad"))
    told(folder, "retrain")
    told(folder, "promote", "1")
    return folder


def state(project: Path) -> tuple[object, ...]:
    """What serves, what waits, and how much was ever decided."""
    parts = wire(load(project), lambda _: None)
    ledger, registry = parts.app.ledger, parts.app.registry
    found = ledger.champion("churn"), registry.candidate("churn"), len(ledger.events()), len(registry.versions("churn"))
    parts.close()
    return found


def one_class_late(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(churned=np.where(np.arange(len(frame)) < len(frame) // 2, frame["churned"], "no"))


def mixed(frame: pd.DataFrame) -> pd.DataFrame:
    text = frame["score"].astype(str)
    return frame.assign(score=text.where(np.arange(len(frame)) % 3 > 0, "n.a.?"))


CASES: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame | str], str]] = {
    "an empty file": (lambda _: "", "empty"),
    "a heading without rows": (lambda frame: ",".join(frame.columns) + "\n", "no rows"),
    "no target column": (lambda frame: frame.drop(columns="churned"), "churned"),
    "a constant target": (lambda frame: frame.assign(churned="no"), "churned"),
    "one class in the holdout": (one_class_late, "churned = 'no'"),
    "an infinite value": (lambda frame: frame.assign(score=frame["score"].where(frame.index != 5, np.inf)), "score"),
    "mixed types": (mixed, "score"),
    "duplicate column names": (lambda frame: frame.rename(columns={"visits": "score"}), "score"),
    "one row": (lambda frame: frame[:1], "row"),
}


@pytest.mark.parametrize("case", CASES)
def test_data_that_cannot_be_used_is_refused_by_name_and_changes_nothing(project: Path, case: str) -> None:
    make, word = CASES[case]
    made = make(clients(900, 3, 0.8))
    path = project / "bad.csv"
    path.write_text(made if isinstance(made, str) else made.to_csv(index=False))
    before = state(project)

    answer = driftgate(project, "retrain", "--data", "bad.csv")

    assert answer.code in {1, 2}
    assert answer.err.startswith("error: ")
    assert word in answer.err
    assert "Traceback" not in answer.err
    assert state(project) == before


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("retrain", "--data", "nowhere.csv"), "nowhere.csv"),
        (("promote", "9"), "no version 9"),
        (("gate", "9"), "no version 9"),
        (("simulate", "9"), "no version 9"),
        (("drift", "--current", "nowhere.csv"), "nowhere.csv"),
        (("rollback",), "no earlier champion"),
        (("promote", "1"), "is the champion already"),
        (("approve", "no-such-id"), "no promotion"),
        (("drift", "--since", "1h"), "no payloads"),
        (("drift", "--since", "soon"), "span of time"),
    ],
)
def test_what_does_not_exist_is_named_and_changes_nothing(project: Path, arguments: tuple[str, ...], word: str) -> None:
    before = state(project)

    answer = driftgate(project, *arguments)

    assert answer.code in {1, 2}
    assert word in answer.err
    assert "Traceback" not in answer.err
    assert state(project) == before


def test_columns_of_one_value_or_of_none_are_left_out_and_named(project: Path, tmp_path: Path) -> None:
    clients(900, 4, 0.8).assign(nothing=np.nan, same="x").to_csv(tmp_path / "odd.csv", index=False)
    (tmp_path / "driftgate.toml").write_text((project / "driftgate.toml").read_text().replace("first.csv", "odd.csv"))

    checked = told(tmp_path, "check")

    warnings = " ".join(item["message"] for item in checked["items"] if item["status"] == "warn")
    assert "nothing" in warnings
    assert "same" in warnings


def test_an_unreachable_mlflow_is_named_and_nothing_is_registered(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "copy")
    settings = tmp_path / "copy" / "driftgate.toml"
    settings.write_text(settings.read_text() + '\n[storage]\nmlflow = "http://127.0.0.1:9"\n')

    answer = driftgate(tmp_path / "copy", "retrain")

    assert answer.code == 1
    assert "http://127.0.0.1:9" in answer.err
    settings.write_text((project / "driftgate.toml").read_text())
    assert told(tmp_path / "copy", "status")["models"][0]["candidate"] == 1


def test_a_changed_artifact_is_neither_promoted_nor_judged(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    small_project(copy)
    told(copy, "retrain")
    (artifact,) = (copy / ".driftgate" / "mlartifacts").rglob("model.pkl")
    artifact.write_bytes(artifact.read_bytes() + b"\0")

    promotion = driftgate(copy, "promote", "1", "--json")
    gate = driftgate(copy, "gate", "1")

    assert promotion.code == 1
    assert promotion.document["state"] == "failed"
    assert promotion.document["champion"] is None
    assert "is not what was registered" in " ".join(promotion.document["reasons"])
    assert gate.code == 1
    assert told(copy, "status")["models"][0]["champion"] is None


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("import time\n\ndef test_hangs(candidate):\n    time.sleep(600)\n", "time limit"),
        ("import os, signal\n\ndef test_crashes(candidate):\n    os.kill(os.getpid(), signal.SIGSEGV)\n", "behaviour"),
    ],
)
def test_a_user_test_that_hangs_or_crashes_refuses_the_candidate(project: Path, tmp_path: Path, body: str, word: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(project, copy)
    (copy / "test_candidate.py").write_text(body)
    limits = '\n[models.churn.gates]\ntests = ["test_candidate.py"]\ntest_seconds = 8\n'
    (copy / "driftgate.toml").write_text((project / "driftgate.toml").read_text() + limits)
    told(copy, "policy", "apply")
    told(copy, "retrain", "--data", "second.csv")

    answer = driftgate(copy, "promote", "2", "--json")

    assert answer.code == 1
    assert answer.document["state"] == "refused"
    assert word in "; ".join(answer.document["reasons"])
    assert answer.document["champion"] == 1
