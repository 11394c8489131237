from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from driftgate.lifecycle.errors import InvalidRequest, NotFound, Unauthenticated
from driftgate.service.database import connect
from driftgate.service.tables import metadata
from driftgate.service.tables import tokens as table
from driftgate.service.tokens import Actor, Role, Tokens


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
