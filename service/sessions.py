"""Sessions of browsers: opened by a token or an identity provider, kept as hashes, ended with the token they came from."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, and_, delete, insert, or_, select, update

from driftgate.lifecycle.errors import Unauthenticated
from driftgate.service.tables import sessions, tokens
from driftgate.service.tokens import COARSE, Actor, Role


class Sessions:
    """The sessions table. A session ends `life` after it began, `idle` after it was used last, at sign-out, or with its token."""

    def __init__(self, engine: Engine, life: timedelta, idle: timedelta) -> None:
        self._engine, self._life, self._idle = engine, life, idle

    @property
    def life(self) -> timedelta:
        """How long a session may last."""
        return self._life

    def begin(self, actor: Actor, token: str | None = None) -> str:
        """A session's secret, for its cookie, in clear for this once. `token`: the name of the token whose life and role it shares."""
        clear, now = secrets.token_urlsafe(32), datetime.now(UTC)
        row = {"sha256": _sha256(clear), "name": actor.name, "role": actor.role.name.lower(), "token": token}
        with self._engine.begin() as connection:
            connection.execute(delete(sessions).where(or_(sessions.c.expires <= now, sessions.c.last_seen <= now - self._idle)))
            connection.execute(insert(sessions).values({**row, "created": now, "expires": now + self._life, "last_seen": now}))
        return clear

    def holder(self, clear: str, *, used: bool = True) -> Actor:
        """Who is signed in. `used`: whether that counts as a use, which keeps the session from ending idle.

        Raises Unauthenticated where the session is unknown or has ended.
        """
        now, digest = datetime.now(UTC), _sha256(clear)
        living = and_(sessions.c.sha256 == digest, sessions.c.expires > now, sessions.c.last_seen > now - self._idle)
        columns = (sessions.c.name, sessions.c.role, sessions.c.token, sessions.c.last_seen, tokens.c.role.label("now"))
        valid = and_(tokens.c.name == sessions.c.token, tokens.c.revoked.is_(None), or_(tokens.c.expires.is_(None), tokens.c.expires > now))
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            row = connection.execute(select(*columns).select_from(sessions.outerjoin(tokens, valid)).where(living)).first()
        if row is None or (row.token is not None and row.now is None):
            raise Unauthenticated("the session has ended; sign in again")
        if used and row.last_seen <= now - COARSE:
            with self._engine.begin() as connection:
                connection.execute(update(sessions).where(sessions.c.sha256 == digest).values(last_seen=now))
        return Actor(row.name, Role[(row.now or row.role).upper()])

    def end(self, clear: str) -> None:
        """Ends the session; one that is not there is no error."""
        with self._engine.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.sha256 == _sha256(clear)))


def csrf_token(clear: str) -> str:
    """What a form of this session carries, to prove that a page of this service made it. It tells nothing of the session's secret."""
    return hashlib.sha256(f"form {clear}".encode()).hexdigest()


def _sha256(clear: str) -> str:
    # 256 random bits: a plain hash cannot be searched for.
    return hashlib.sha256(clear.encode(errors="replace")).hexdigest()
