"""Nobody gets around the ledger unseen: not by its table, not by the file, not by MLflow's alias, not by breaking the glass."""

import hashlib
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from driftgate.lifecycle.flows.promoting import BREAK_GLASS_TAG
from driftgate.lifecycle.ledger import Kind
from driftgate.service.bootstrap import Running, arrangements, wire
from driftgate.service.serving.follower import Follower
from driftgate.service.serving.remembered import Remembered
from driftgate.service.settings import load
from tests.e2e.projects import SETTINGS, bare_environment, clients, driftgate, small_project, told
from tests.receivers import Api, an_api

pytestmark = pytest.mark.slow

PATIENCE = 90.0


@pytest.fixture(scope="module")
def hook() -> Iterator[Api]:
    with an_api() as found:
        yield found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, hook: Api) -> Path:
    """Version 1 serves; version 2, made of rows without any relation, would be refused."""
    folder = small_project(tmp_path_factory.mktemp("integrity"))
    (folder / "driftgate.toml").write_text(f'[alerts]\nchannels = ["json://127.0.0.1:{hook.port}/hook"]\n{SETTINGS}')
    told(folder, "retrain")
    told(folder, "promote", "1")
    clients(1600, 3, 0.0).to_csv(folder / "noise.csv", index=False)
    told(folder, "retrain", "--data", "noise.csv")
    return folder


@contextmanager
def wired(project: Path) -> Iterator[Running]:
    parts = wire(load(project), lambda _: None)
    try:
        yield parts
    finally:
        parts.close()


def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.2)


def test_what_commands_decided_is_anchored_everywhere_and_the_audit_holds(project: Path) -> None:
    document = told(project, "audit", "verify")

    assert document["problems"] == []
    assert [(each["last"], each["behind"]) for each in document["anchors"]] == [(document["events"], 0)] * 3
    assert told(project, "status")["ledger"]["events"] == document["events"]


def test_the_evidence_behind_a_judgement_is_kept_under_the_hash_that_the_ledger_holds(project: Path) -> None:
    with wired(project) as parts:
        (judged,) = [event for event in parts.app.ledger.events(model="churn") if event.kind is Kind.JUDGED]
        version = parts.app.registry.version("churn", 1)

    (bundle,) = project.glob(f".driftgate/mlartifacts/**/{judged.body['bundle']}")
    content = bundle.read_bytes()
    assert hashlib.sha256(content).hexdigest() == judged.body["bundle_sha256"]
    for part in (judged.body["evidence_sha256"], judged.body["policy_sha256"], version.artifact_sha256, version.snapshot.holdout_sha256):
        assert part.encode() in content


def test_the_card_of_a_version_follows_what_is_done_with_it_and_leaves_what_people_wrote(project: Path, tmp_path: Path) -> None:
    with wired(project) as parts:
        page = parts.app.cards.page("churn", 1).decode()
        client = parts.registry._connection.client
        first = client.get_model_version("churn", "1").description
        client.update_model_version("churn", "1", f"Checked by Ann.\n\n{first}")

    report = told(project, "simulate", "1")["report"]
    written = told(project, "card", "1", "--out", str(tmp_path / "card"))

    assert "<td>champion</td>" in page
    assert "Not simulated yet" not in page
    # The command that simulated has made the card anew: the one that writes it finds it.
    assert written["made"] is False
    assert f"From simulation {report}" in Path(written["files"]["model-card.html"]).read_text(encoding="utf-8")
    for name, path in written["files"].items():
        assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == written["sha256"][name]
    with wired(project) as parts:
        told_now = parts.registry._connection.client.get_model_version("churn", "1").description
    assert told_now.startswith("Checked by Ann.\n\nRetrained by ")
    assert told_now.count("[Model card](") == first.count("[Model card](") == 1


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        ("DELETE FROM ledger WHERE sequence = (SELECT max(sequence) FROM ledger)", "cut off"),
        ("UPDATE ledger SET actor = 'eve' WHERE sequence = 2", "row 2"),
        ("DELETE FROM ledger", "cut off"),
    ],
)
def test_a_database_that_was_edited_is_told_by_the_command(project: Path, tmp_path: Path, attack: str, words: str) -> None:
    copy = shutil.copytree(project, tmp_path / "copy")
    with sqlite3.connect(copy / ".driftgate" / "driftgate.db") as connection:
        for name in ("update", "delete"):
            connection.execute(f"DROP TRIGGER ledger_refuses_{name}")
        connection.execute(attack)
    connection.close()

    answer = driftgate(copy, "audit", "verify")

    assert answer.code == 1
    assert words in answer.out


def test_an_edited_file_is_a_proposal_until_it_is_applied(project: Path) -> None:
    path = project / "driftgate.toml"
    before = path.read_text()
    path.write_text(f"{before}\n[models.churn.gates]\nminimum_rows = 1000\n")

    checked = driftgate(project, "check")
    diff = driftgate(project, "policy", "diff")
    judging = driftgate(project, "gate", "1", "--json")
    applied = told(project, "policy", "apply", "--comment", "more rows")
    after = told_any(project, "gate", "1")
    path.write_text(before)
    told(project, "policy", "apply", "--comment", "as before")

    assert "is a proposal that differs from policy 1" in checked.out
    assert (diff.code, "minimum_rows: 200 -> 1000 (stricter)" in diff.out) == (1, True)
    assert (judging.document["verdict"], after["verdict"]) == ("pass", "undecided")
    assert "proposes another minimum_rows" in judging.err
    assert (applied["applied"], applied["number"]) == (True, 2)
    assert told(project, "policy", "show")["number"] == 3


def told_any(project: Path, *arguments: str) -> dict[str, Any]:
    """The document of a command, whatever it exits with."""
    return driftgate(project, *arguments, "--json").document


def test_a_moved_alias_is_never_served_is_put_back_and_is_told(project: Path, hook: Api) -> None:
    with wired(project) as parts:
        remembered = Remembered(project / ".driftgate" / "another-host")
        follower = Follower(arrangements(parts.app.settings), parts.app.ledger, parts.registry, remembered)
        follower.refresh()
        served = []

        def moved() -> None:
            """Somebody points the alias at version 2, in MLflow itself."""
            with parts.registry._connection.answering() as client:
                client.set_registered_model_alias("churn", "champion", "2")

        def put_back() -> bool:
            follower.refresh()
            served.append(follower.serving("churn"))
            return parts.registry.champion_alias("churn") == 1

        moved()
        with a_worker(project):
            until(put_back)
            moved()
            until(put_back)
            until(lambda: [body for _, body, _ in hook.requests if "moved by hand" in body["title"]])

    assert set(served) == {1}
    assert "pointed to 2; put back to 1" in hook.requests[0][1]["message"]


@contextmanager
def a_worker(project: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "driftgate.service", "--project", str(project), "worker"]
    child = subprocess.Popen(command, cwd=project, env=bare_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        child.terminate()
        child.wait(60)


def test_breaking_the_glass_leaves_its_mark_everywhere(project: Path) -> None:
    refused = driftgate(project, "promote", "2")
    silent = driftgate(project, "promote", "2", "--break-glass")
    forced = told(project, "promote", "2", "--break-glass", "--comment", "the champion answers nonsense")
    status = told(project, "status")["models"][0]
    with wired(project) as parts:
        decided = parts.app.ledger.latest("churn", Kind.DECIDED)
        tags = parts.app.registry.marks("churn")[2]
        waiting = parts.app.book.notices()
        card = parts.app.cards.page("churn", 2).decode()

    assert (refused.code, silent.code) == (1, 2)
    assert (forced["state"], forced["champion"], forced["break_glass"], forced["gates"]) == ("promoted", 2, True, [])
    assert decided is not None
    assert decided.body["reason"] == "the champion answers nonsense"
    assert "the champion answers nonsense" in tags[BREAK_GLASS_TAG]
    assert any("without gates" in alarm for alarm in status["alarms"])
    assert any("without gates" in notice.title for notice in waiting)
    assert "<td>champion, promoted without gates (break-glass)</td>" in card
    assert told(project, "audit", "verify")["problems"] == []
