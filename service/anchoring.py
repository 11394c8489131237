"""The ledger's head, signed and kept outside its database; and the audit that compares the two."""

import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from driftgate.lifecycle.anchors import Chain, Checked, Holding, Keys, compare, walk
from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.errors import DriftgateError, LedgerBroken, StoreUnavailable
from driftgate.lifecycle.ledger import Event
from driftgate.lifecycle.ports import Ledger
from driftgate.service.anchor_places import Place, TagAnchors
from driftgate.service.documents import Document
from driftgate.service.tables import anchored

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 10.0
"""The longest that a command without a worker waits for anchors: what is not done by then is done by the next one."""


class Anchors(Protocol):
    """Keeps the ledger's head outside of its database."""

    def catch_up(self, *, quickly: bool = False) -> None:
        """Every place that is behind has the head now, or its problem is noted. Never raises."""
        ...

    def standing(self) -> Document:
        """How far each place is, as last noted; asks no place."""
        ...

    def audit(self) -> Document:
        """The ledger walked from its first row, and compared with every anchor that is kept."""
        ...


@dataclass(frozen=True, slots=True)
class _Unread:
    """A place that could not be read, and why; the last row that it is known to have taken."""

    place: str
    recorded: int
    reason: str


class Anchoring(Anchors):
    """Over places that may be slow or down: each fails for itself, and is tried again with the next head or round."""

    def __init__(
        self,
        ledger: Ledger,
        engine: Engine,
        places: Sequence[Place],
        keys: Callable[[], Keys],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ledger = ledger
        self._engine = engine
        self._places = places
        self._keys = keys
        self._now = now

    def catch_up(self, *, quickly: bool = False) -> None:
        """See the port. `quickly`: MLflow, which takes seconds to import, is left for later where nothing else has imported it."""
        try:
            # Before the head: what another worker anchors in between must not make the ledger look shorter than its anchors.
            noted = self._noted()
            head = self._ledger.head()
            if head is None:
                return
            for place in self._places:
                if not (quickly and isinstance(place, TagAnchors) and "mlflow" not in sys.modules):
                    self._anchor(place, head, noted.get(place.name))
        except DriftgateError as error:
            logger.warning("the ledger's head could not be anchored: %s", error.message)

    def _anchor(self, place: Place, head: Event, noted: tuple[int, str | None] | None) -> None:
        last, known_problem = noted or (0, None)
        if last == head.sequence:
            return
        if last > head.sequence:
            # Signing the shorter ledger would help whoever cut it.
            self._note_problem(place, known_problem, f"it has the anchor of row {last}, and the ledger ends at row {head.sequence}")
            return
        try:
            if place.put(self._keys().sign(head, self._now())):
                self._note(place.name, {"sequence": head.sequence, "at": self._now(), "problem": None}, upto=head.sequence)
        except DriftgateError as error:
            self._note_problem(place, known_problem, error.message)
        except Exception as error:  # noqa: BLE001 - a promotion must not fail, and other places not wait, for what a client library raises
            self._note_problem(place, known_problem, f"{type(error).__name__}: {error}")

    def _note_problem(self, place: Place, known: str | None, problem: str) -> None:
        if problem != known:
            logger.warning("the ledger's head could not be anchored in %s: %s", place.name, problem)
            self._note(place.name, {"problem": problem})

    def standing(self) -> Document:
        """See the port."""
        head = self._ledger.head()
        count = 0 if head is None else head.sequence
        noted = self._noted()
        names = [*(place.name for place in self._places), *sorted(set(noted) - {place.name for place in self._places})]
        lines = []
        for name in names:
            last, problem = noted.get(name, (0, None))
            lines.append({"place": name, "row": last, "behind": max(0, count - last), "problem": problem})
        return {"events": count, "anchors": lines}

    def audit(self) -> Document:
        """See the port. Raises Unavailable where the database itself does not answer."""
        keys, noted = self._keys(), self._noted()
        holdings = [self._held(place, noted.get(place.name, (0, None))[0]) for place in self._places]
        # Last: a row that is appended and anchored meanwhile is in the chain, and does not look cut off.
        chain = self._walked()
        checked = [_compared(chain, holding, keys) for holding in holdings]
        problems = [*([chain.problem] if chain.problem else []), *(problem for each in checked for problem in each.problems)]
        return {"events": len(chain.hashes), "head": chain.head, "anchors": plain(checked), "problems": problems}

    def _walked(self) -> Chain:
        try:
            return walk(self._ledger.events())
        except LedgerBroken as error:
            return Chain((), error.message)

    def _held(self, place: Place, recorded: int) -> Holding | _Unread:
        try:
            found = place.read()
        except DriftgateError as error:
            return _Unread(place.name, recorded, error.message)
        except Exception as error:  # noqa: BLE001 - the ledger and the other places are audited, whatever a client library raises
            return _Unread(place.name, recorded, f"{type(error).__name__}: {error}")
        return Holding(place.name, found.anchors, found.problems, recorded)

    def _noted(self) -> Mapping[str, tuple[int, str | None]]:
        try:
            with self._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                rows = connection.execute(select(anchored)).all()
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"the table of anchors did not answer: {error}") from error
        return {row.place: (int(row.sequence), row.problem) for row in rows}

    def _note(self, place: str, values: Mapping[str, object], upto: int | None = None) -> None:
        """`upto`: a row after this one, which another worker anchored in the meantime, stays noted."""
        known = anchored.c.place == place
        wanted = known if upto is None else known & (anchored.c.sequence <= upto)
        try:
            with self._engine.begin() as connection:
                if connection.execute(update(anchored).where(wanted).values(values)).rowcount:
                    return
                if connection.execute(select(anchored.c.sequence).where(known)).first() is not None:
                    return
                connection.execute(insert(anchored).values({"place": place, "sequence": 0, "at": self._now(), "problem": None, **values}))
        except IntegrityError:
            # Another process noted the place first; the next round notes this one's.
            return
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"the table of anchors did not answer: {error}") from error


def _compared(chain: Chain, holding: Holding | _Unread, keys: Keys) -> Checked:
    if isinstance(holding, Holding):
        return compare(chain, holding, keys)
    behind = max(0, len(chain.hashes) - holding.recorded)
    return Checked(holding.place, 0, holding.recorded, behind, (f"{holding.place} could not be read: {holding.reason}",))


def anchor_within(anchors: Anchors, seconds: float = PATIENCE_SECONDS) -> None:
    """Anchors the head, and waits no longer than that for it: a place that hangs must not hold a decision that was taken."""
    thread = threading.Thread(target=anchors.catch_up, kwargs={"quickly": True}, name="anchors", daemon=True)
    thread.start()
    thread.join(seconds)
