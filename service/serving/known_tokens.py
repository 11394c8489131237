"""Tokens that were seen, so that a prediction asks no database who calls, and a restart knows its callers while the database is down."""

import json
import logging
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from driftgate.service.serving.remembered import replaced
from driftgate.service.tokens import Actor, Role, Tokens, token_sha256

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 5.0
"""How long a token that was revoked may still predict."""

USE_SECONDS = 60.0
"""How often it is written which tokens were used."""


class KnownTokens:
    """Callers by the hash of their token: refreshed from the table, kept in a file.

    For reading and predicting only: whoever decides something is looked up in the table every time.
    """

    def __init__(self, tokens: Tokens, file: Path) -> None:
        self._tokens, self._file = tokens, file
        self._known = self._kept()
        # Hashes of the tokens that were used since that was written last: a prediction pays for an entry in a set.
        self._used: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="tokens", daemon=True)

    def start(self) -> None:
        """Begins to follow the table."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the following."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
            self.keep_used()

    def find(self, clear: str) -> Actor | None:
        """Who holds the token, without asking the database; None where it was not seen before, or has expired."""
        digest = token_sha256(clear)
        known = self._known.get(digest)
        if known is None:
            return None
        actor, expires = known
        if expires is not None and expires <= datetime.now(UTC):
            return None
        self._used.add(digest)
        return actor

    def ask(self, clear: str) -> Actor:
        """Who holds the token, as the database has it now. Raises Unauthenticated or StoreUnavailable."""
        digest, holder = token_sha256(clear), self._tokens.holder(clear)
        if self._known.get(digest) != holder:
            self._known = {**self._known, digest: holder}
            self._keep()
        self._used.add(digest)
        return holder[0]

    def refresh(self) -> None:
        """Forgets what was revoked. While the database does not answer, or refuses, nothing changes."""
        try:
            valid = self._tokens.valid(self._known)
        except Exception as error:  # noqa: BLE001 - without this thread a revoked token would predict for ever
            logger.warning("tokens cannot be refreshed: %s", error)
            return
        if valid != self._known:
            self._known = valid
            self._keep()

    def keep_used(self) -> None:
        """Writes which tokens were used since the last time. While the database does not answer, they wait."""
        used, self._used = self._used, set()
        try:
            self._tokens.used(sorted(used), datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - when a token was used last is worth no failure of anything
            self._used |= used
            logger.warning("the last use of tokens cannot be kept: %s", error)

    def _follow(self) -> None:
        # What was revoked while nobody served is known from the file still.
        self.refresh()
        written = time.monotonic()
        while not self._stop.wait(REFRESH_SECONDS):
            self.refresh()
            if time.monotonic() - written >= USE_SECONDS:
                self.keep_used()
                written = time.monotonic()

    def _kept(self) -> dict[str, tuple[Actor, datetime | None]]:
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
            return {
                digest: (Actor(name, Role[role]), None if expires is None else datetime.fromisoformat(expires))
                for digest, (name, role, expires) in content.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("the tokens kept in %s cannot be read: %s", self._file, error)
            return {}

    def _keep(self) -> None:
        content = {
            digest: (actor.name, actor.role.name, None if expires is None else expires.isoformat())
            for digest, (actor, expires) in self._known.items()
        }
        try:
            replaced(self._file, json.dumps(content))
        except OSError as error:
            logger.warning("tokens cannot be kept for a restart: %s", error)
