"""Tokens by command, and the first one of a service, on real databases and terminals."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from driftgate.service.database import connect, upgrade
from driftgate.service.tokens import Role, Tokens
from tests.databases import KINDS, scratch_engine

SETTINGS = """
[service]
auth = "{auth}"

[models.churn]
target = "churned"
source = {{path = "churn.csv"}}
"""
STARTS = """
import sys
from pathlib import Path
from driftgate.service.first_token import tell_first_token
from driftgate.service.settings import load
tell_first_token(load(Path(sys.argv[1]), {}), pipes=sys.argv[2] == "up")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "driftgate.toml").write_text(SETTINGS.format(auth="token"), encoding="utf-8")
    return tmp_path


@pytest.fixture
def engine(project: Path) -> Iterator[Engine]:
    made = connect(f"sqlite:///{project / '.driftgate' / 'driftgate.db'}")
    upgrade(made)
    yield made
    made.dispose()


def run(project: Path, *line: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "driftgate.service", "--project", str(project), *line]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_tokens_are_made_listed_and_revoked_by_command(project: Path, engine: Engine) -> None:
    made = json.loads(run(project, "token", "create", "ada", "--role", "trainer", "--days", "3", "--json").stdout)
    listed = json.loads(run(project, "token", "list", "--json").stdout)["tokens"]
    first = json.loads(run(project, "token", "revoke", "ada", "--json").stdout)
    again = json.loads(run(project, "token", "revoke", "ada", "--json").stdout)
    text = run(project, "token", "list").stdout

    assert made["token"].startswith("dg_")
    assert [(each["name"], each["role"], each["state"], each["last_used"]) for each in listed] == [("ada", "trainer", "valid", None)]
    assert listed[0]["expires"] == made["expires"]
    assert first == again
    assert "revoked" in text
    assert made["token"] not in text + json.dumps(listed)
    assert Tokens(engine).listed()[0].revoked is not None


def test_a_token_that_is_not_there_cannot_be_revoked(project: Path) -> None:
    ran = run(project, "token", "revoke", "ada")

    assert (ran.returncode, "driftgate token list" in ran.stderr) == (1, True)


def started(project: Path, how: str, stdout: int) -> str:
    """What was said on standard error by a service that starts."""
    ran = subprocess.run([sys.executable, "-c", STARTS, str(project), how], stdout=stdout, stderr=subprocess.PIPE, timeout=60, check=True)
    return ran.stderr.decode()


def on_a_terminal(project: Path, how: str) -> str:
    ours, theirs = pty.openpty()
    try:
        started(project, how, theirs)
        os.write(theirs, b"end")
        return os.read(ours, 4096).decode()
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("how", ["serve", "up"])
def test_the_first_token_is_shown_on_a_terminal_once(project: Path, engine: Engine, how: str) -> None:
    first, second = on_a_terminal(project, how), on_a_terminal(project, how)

    clear = first.split()[-2] if first.endswith("end") and first.split()[-1] == "end" else first.removesuffix("end").split()[-1]
    assert Tokens(engine).actor(clear).role is Role.ADMIN
    assert second == "end"


def test_up_shows_it_to_the_program_that_started_it(project: Path, engine: Engine) -> None:
    ran = subprocess.run([sys.executable, "-c", STARTS, str(project), "up"], capture_output=True, text=True, timeout=60, check=True)

    assert Tokens(engine).actor(ran.stdout.split()[-1]).role is Role.ADMIN


@pytest.mark.parametrize("how", ["serve", "up"])
def test_a_log_file_never_gets_a_token(project: Path, engine: Engine, how: str) -> None:
    log = project / "service.log"
    with log.open("wb") as stream:
        said = started(project, how, stream.fileno())

    assert log.read_bytes() == b""
    assert "`driftgate token create NAME --role admin` makes one" in said
    assert Tokens(engine).listed() == []


def test_without_tokens_none_is_made(project: Path, engine: Engine) -> None:
    (project / "driftgate.toml").write_text(SETTINGS.format(auth="none"), encoding="utf-8")

    assert on_a_terminal(project, "up") == "end"
    assert Tokens(engine).listed() == []


def test_a_database_that_is_down_holds_up_no_start(project: Path) -> None:
    settings = SETTINGS.format(auth="token") + "[storage]\ndatabase = 'postgresql://postgres@127.0.0.1:1/none'\n"
    (project / "driftgate.toml").write_text(settings, encoding="utf-8")

    said = started(project, "up", subprocess.DEVNULL)

    assert said.startswith("whether there is a token cannot be seen")


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_live_alike_in_every_database(kind: str, tmp_path: Path) -> None:
    with scratch_engine(kind, tmp_path) as engine:
        upgrade(engine)
        tokens = Tokens(engine)
        first = tokens.create_first()
        tokens.create("ada", Role.VIEWER, days=1)
        first_end, second_end = tokens.revoke("ada"), tokens.revoke("ada")

        assert first is not None
        assert tokens.create_first() is None
        assert first_end == second_end
        assert [each.name for each in tokens.listed()] == ["first-admin", "ada"]
