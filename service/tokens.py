"""API tokens: made once, stored as hashes, each with a role."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import TypeAlias

from sqlalchemy import Engine, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError as AlreadyThere

from driftgate.lifecycle.errors import InvalidRequest, NotFound, Unauthenticated
from driftgate.service.tables import sessions, tokens

PREFIX = "dg_"
NAME_LENGTH = 128
LONGEST_DAYS = 36_500
FIRST_NAME = "first-admin"
COARSE = timedelta(minutes=1)
"""How exactly the last use of a token is kept: a table must not be written with every request."""


class Role(IntEnum):
    """What a token may do; each role may do what the ones before it may."""

    VIEWER = 1
    PREDICTOR = 2
    TRAINER = 3
    APPROVER = 4
    ADMIN = 5


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, and as what."""

    name: str
    role: Role


Holder: TypeAlias = tuple[Actor, datetime | None]
"""Who holds a token, and until when; None: for ever."""


@dataclass(frozen=True, slots=True)
class Known:
    """One row of the tokens table, without its hash. `expires`, `revoked` and `last_used` are None where there is no such instant."""

    name: str
    role: Role
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    last_used: datetime | None

    def state(self, now: datetime) -> str:
        """`revoked`, `expired` or `valid`."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "valid"


class Tokens:
    """The tokens table."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def engine(self) -> Engine:
        """The database that the table is in."""
        return self._engine

    def create(self, name: str, role: Role, days: int | None = None) -> str:
        """A new token, in clear for this once. Raises InvalidRequest where the name is taken or cannot stand in the ledger."""
        if not name.isprintable() or name != name.strip() or not 1 <= len(name) <= NAME_LENGTH:
            raise InvalidRequest(f"{name!r} cannot be a token's name: 1 to {NAME_LENGTH} printable characters", field="name")
        if days is not None and not 1 <= days <= LONGEST_DAYS:
            raise InvalidRequest(f"a token may live 1 to {LONGEST_DAYS} days, not {days}", field="days")
        clear = PREFIX + secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        expires = None if days is None else now + timedelta(days=days)
        row = {"name": name, "sha256": token_sha256(clear), "role": role.name.lower(), "created": now, "expires": expires}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(tokens).values(row))
        except AlreadyThere as error:
            raise InvalidRequest(f"there is a token named {name} already; choose another name", field="name") from error
        return clear

    def create_first(self) -> str | None:
        """A token of role admin, in clear for this once, where there never was a token; else None, as for the loser of a race."""
        try:
            return None if self.any_made() else self.create(FIRST_NAME, Role.ADMIN)
        except InvalidRequest:
            # Another process made it between the two questions.
            return None

    def any_made(self) -> bool:
        """Whether there ever was a token, of whatever state now."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return bool(connection.execute(select(func.count()).select_from(tokens)).scalar_one())

    def listed(self) -> list[Known]:
        """Every token that was ever made, the oldest first."""
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            rows = connection.execute(select(tokens).order_by(tokens.c.created, tokens.c.name)).all()
        return [Known(row.name, Role[row.role.upper()], row.created, row.expires, row.revoked, row.last_used) for row in rows]

    def revoke(self, name: str) -> datetime:
        """When the token of that name ended: now, or when it was revoked before. Its sessions end with it. Raises NotFound."""
        named = tokens.c.name == name
        with self._engine.begin() as connection:
            connection.execute(update(tokens).where(named, tokens.c.revoked.is_(None)).values(revoked=datetime.now(UTC)))
            revoked: datetime | None = connection.execute(select(tokens.c.revoked).where(named)).scalar()
            connection.execute(delete(sessions).where(sessions.c.token == name))
        if revoked is None:
            raise NotFound(f"there is no token named {name}; `driftgate token list` shows all")
        return revoked

    def used(self, digests: Iterable[str], at: datetime) -> None:
        """Keeps that the tokens of these hashes were used, exact to a minute."""
        wanted = list(digests)
        stale = or_(tokens.c.last_used.is_(None), tokens.c.last_used < at - COARSE)
        if wanted:
            with self._engine.begin() as connection:
                connection.execute(update(tokens).where(tokens.c.sha256.in_(wanted), stale).values(last_used=at))

    def actor(self, clear: str) -> Actor:
        """Who holds the token. Raises Unauthenticated where it is unknown, expired or revoked."""
        return self.holder(clear)[0]

    def holder(self, clear: str) -> Holder:
        """Who holds the token, and until when. Raises Unauthenticated where it is unknown, expired or revoked."""
        digest = token_sha256(clear)
        found = self.valid([digest]).get(digest)
        if found is None:
            raise Unauthenticated("the token is unknown, expired or revoked")
        return found

    def valid(self, digests: Iterable[str]) -> dict[str, Holder]:
        """By its hash, who holds each of these tokens and until when; without those that are unknown, expired or revoked."""
        wanted = list(digests)
        query = select(tokens).where(tokens.c.revoked.is_(None), tokens.c.sha256.in_(wanted))
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            rows = connection.execute(query).all() if wanted else []
        now = datetime.now(UTC)
        living = (row for row in rows if row.expires is None or row.expires > now)
        return {row.sha256: (Actor(row.name, Role[row.role.upper()]), row.expires) for row in living}


def token_sha256(clear: str) -> str:
    """The hash that a token is stored as."""
    # The token has 256 random bits, so a plain hash cannot be searched for.
    return hashlib.sha256(clear.encode()).hexdigest()
