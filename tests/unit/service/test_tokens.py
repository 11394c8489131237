from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from driftgate.lifecycle.errors import InvalidRequest, NotFound, Unauthenticated
from driftgate.service.database import connect
from driftgate.service.serving.known_tokens import KnownTokens
from driftgate.service.tables import metadata
from driftgate.service.tables import tokens as table
from driftgate.service.tokens import FIRST_NAME, Actor, Role, Tokens, token_sha256


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = connect(f"sqlite:///{tmp_path / 'tokens.db'}")
    metadata.create_all(made)
    yield made
    made.dispose()


@pytest.mark.parametrize("role", Role)
def test_a_token_is_its_name_and_role(engine: Engine, role: Role) -> None:
    tokens = Tokens(engine)

    clear = tokens.create("ada", role)

    assert tokens.actor(clear) == Actor("ada", role)


def test_the_clear_token_is_stored_nowhere(engine: Engine) -> None:
    clear = Tokens(engine).create("ada", Role.VIEWER)

    with engine.connect() as connection:
        (row,) = connection.execute(select(table)).all()
    assert clear not in str(row)


def test_a_name_is_given_once(engine: Engine) -> None:
    tokens = Tokens(engine)
    tokens.create("ada", Role.VIEWER)

    with pytest.raises(InvalidRequest, match="there is a token named ada already"):
        tokens.create("ada", Role.ADMIN)


@pytest.mark.parametrize("name", ["", " ", "ada ", "a\0b", "a\nb", "x" * 129])
def test_a_name_can_stand_in_the_ledger(engine: Engine, name: str) -> None:
    with pytest.raises(InvalidRequest, match="cannot be a token's name"):
        Tokens(engine).create(name, Role.VIEWER)


@pytest.mark.parametrize("days", [0, -1, 10**9])
def test_a_life_that_is_none_or_longer_than_a_calendar_is_refused(engine: Engine, days: int) -> None:
    with pytest.raises(InvalidRequest, match="a token may live 1 to"):
        Tokens(engine).create("ada", Role.VIEWER, days)


def test_a_revoked_token_is_nobodys(engine: Engine) -> None:
    tokens = Tokens(engine)
    clear, other = tokens.create("ada", Role.ADMIN), tokens.create("grace", Role.VIEWER)

    tokens.revoke("ada")

    assert tokens.actor(other).name == "grace"
    with pytest.raises(Unauthenticated):
        tokens.actor(clear)


def test_what_is_not_there_cannot_be_revoked(engine: Engine) -> None:
    with pytest.raises(NotFound, match="there is no token named ada"):
        Tokens(engine).revoke("ada")


def test_each_role_may_what_the_ones_before_may() -> None:
    assert [role.name.lower() for role in sorted(Role)] == ["viewer", "predictor", "trainer", "approver", "admin"]


def test_a_second_revocation_keeps_the_instant_of_the_first(engine: Engine) -> None:
    tokens = Tokens(engine)
    tokens.create("ada", Role.ADMIN)

    first, second = tokens.revoke("ada"), tokens.revoke("ada")

    assert first == second


def test_every_token_is_listed_with_its_state_and_none_in_clear(engine: Engine) -> None:
    tokens = Tokens(engine)
    clear = [tokens.create("ada", Role.ADMIN), tokens.create("bob", Role.VIEWER, days=1), tokens.create("eve", Role.TRAINER)]
    tokens.revoke("eve")

    found = tokens.listed()

    later = datetime.now(UTC) + timedelta(days=2)
    assert [(each.name, each.role, each.state(later)) for each in found] == [
        ("ada", Role.ADMIN, "valid"),
        ("bob", Role.VIEWER, "expired"),
        ("eve", Role.TRAINER, "revoked"),
    ]
    assert not any(secret in repr(found) or token_sha256(secret) in repr(found) for secret in clear)


def test_the_last_use_is_written_once_a_minute_at_most(engine: Engine) -> None:
    tokens = Tokens(engine)
    digest = token_sha256(tokens.create("ada", Role.ADMIN))
    tokens.create("bob", Role.ADMIN)
    at = datetime(2026, 1, 1, tzinfo=UTC)

    seen = []
    for seconds in (0, 30, 61):
        tokens.used([digest], at + timedelta(seconds=seconds))
        seen.append([each.last_used for each in tokens.listed()])

    assert seen == [[at, None], [at, None], [at + timedelta(seconds=61), None]]


def test_a_request_writes_nothing_and_what_was_used_is_written_later(engine: Engine, tmp_path: Path) -> None:
    tokens = Tokens(engine)
    used, unused = tokens.create("ada", Role.VIEWER), tokens.create("bob", Role.VIEWER)
    known = KnownTokens(tokens, tmp_path / "tokens.json")

    known.ask(used)
    known.find(used)
    known.find(unused)
    before = [each.last_used for each in tokens.listed()]
    known.keep_used()

    after = [each.last_used is not None for each in tokens.listed()]
    assert (before, after) == ([None, None], [True, False])


def test_a_service_that_stops_keeps_the_last_use(engine: Engine, tmp_path: Path) -> None:
    tokens = Tokens(engine)
    clear = tokens.create("ada", Role.VIEWER)
    known = KnownTokens(tokens, tmp_path / "tokens.json")
    known.start()
    known.ask(clear)

    known.stop()

    assert tokens.listed()[0].last_used is not None


def test_uses_wait_while_the_database_refuses(engine: Engine, tmp_path: Path) -> None:
    tokens = Tokens(engine)
    clear = tokens.create("ada", Role.VIEWER)
    known = KnownTokens(tokens, tmp_path / "tokens.json")
    known.ask(clear)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE tokens RENAME TO away")
    known.keep_used()
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE away RENAME TO tokens")

    known.keep_used()

    assert tokens.listed()[0].last_used is not None


def test_the_first_token_is_an_admins_and_there_is_no_second_first(engine: Engine) -> None:
    tokens = Tokens(engine)

    clear = tokens.create_first()

    assert clear is not None
    assert tokens.actor(clear) == Actor(FIRST_NAME, Role.ADMIN)
    tokens.revoke(FIRST_NAME)
    assert tokens.create_first() is None


def test_of_many_that_start_at_once_one_makes_the_first_token(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: Tokens(engine).create_first(), range(8)))

    assert len([clear for clear in made if clear]) == 1
    assert len(Tokens(engine).listed()) == 1
