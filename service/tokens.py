"""API tokens: made once, stored as hashes, each with a role."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import TypeAlias

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import IntegrityError as AlreadyThere

from driftgate.lifecycle.errors import InvalidRequest, NotFound, Unauthenticated
from driftgate.service.tables import tokens

PREFIX = "dg_"
NAME_LENGTH = 128
LONGEST_DAYS = 36_500


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


class Tokens:
    """The tokens table."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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

    def revoke(self, name: str) -> None:
        """Ends the token of that name at once. Raises NotFound."""
        with self._engine.begin() as connection:
            done = connection.execute(update(tokens).where(tokens.c.name == name).values(revoked=datetime.now(UTC)))
        if done.rowcount == 0:
            raise NotFound(f"there is no token named {name}")

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
