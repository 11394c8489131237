"""Model cards, made when a version is registered and anew when its history changes; beside the decisions, never in their way."""

import hashlib
import logging
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from driftgate.lifecycle.canonical import sha256
from driftgate.lifecycle.errors import DriftgateError, ReportNotFound, Unavailable
from driftgate.lifecycle.histories import history
from driftgate.lifecycle.ledger import Event
from driftgate.lifecycle.ports import Report
from driftgate.lifecycle.ports_cards import CardShelf
from driftgate.lifecycle.versions import Version
from driftgate.service.card_facts import FactGatherer, newest_simulation
from driftgate.service.settings import Settings

logger = logging.getLogger(__name__)

MARKDOWN, PAGE = "model-card.md", "model-card.html"
FOLDER = "card"
LAYOUT = 1
"""Raised where cards are to be made anew because they say more, or say it otherwise."""

PATIENCE_SECONDS = 10.0
"""The longest that a command without a worker waits for cards: what is not made by then is made by the next one."""


@dataclass(frozen=True, slots=True)
class Card:
    """The files of a card, by name. `made`: they were made now, and not found."""

    version: int
    key: str
    files: Mapping[str, bytes]
    made: bool


class Cards(Protocol):
    """Keeps the model cards of every version up to date."""

    def catch_up(self, *, quickly: bool = False) -> None:
        """Every version has the card of its present history, or the problem is logged. Never raises."""
        ...

    def card(self, model: str, number: int) -> Card:
        """The card of the version, made now where it is not up to date. Raises VersionNotFound and Unavailable."""
        ...

    def page(self, model: str, number: int) -> bytes:
        """The HTML page that was made last. Raises VersionNotFound, and ReportNotFound where none was made yet."""
        ...


class Carding(Cards):
    """Over the ledger, the kept reports and MLflow.

    A card is made under a key: the hash of what it depends on and may change. The key is noted in MLflow after the card is there, so that
    whatever dies in between makes it again, and who finds the key makes nothing.
    """

    def __init__(self, settings: Settings, gatherer: FactGatherer, shelf: CardShelf) -> None:
        self._settings = settings
        self._gatherer = gatherer
        self._shelf = shelf
        self._keys: dict[str, dict[int, str]] = {}
        self._done: dict[str, object] = {}
        self._told: dict[str, str] = {}

    def catch_up(self, *, quickly: bool = False) -> None:
        """See the port. `quickly`: only where something else has imported MLflow, which takes seconds; else it is left for later."""
        if quickly and "mlflow" not in sys.modules:
            return
        for model in self._settings.models:
            try:
                self._catch_up(model)
            except DriftgateError as error:
                self._warn(model, error.message)
            except Exception as error:  # noqa: BLE001 - a decision must not fail, and other models not wait, for what a client library raises
                self._warn(model, f"{type(error).__name__}: {error}")
            else:
                self._told.pop(model, None)

    def _catch_up(self, model: str) -> None:
        versions = self._shelf.bound(model)
        events, reports = self._gatherer.events(model), self._gatherer.reports(model)
        keys = {version.number: self._key(version, events, reports) for version in versions}
        if not keys or self._done.get(model) == keys:
            return
        if model not in self._keys:
            self._keys[model] = dict(self._shelf.made(model))
        problems = []
        # The newest first: that is the one that somebody waits for.
        for version in reversed(versions):
            if self._keys[model].get(version.number) == keys[version.number]:
                continue
            try:
                self._make(version, keys[version.number], events, reports)
            except Unavailable:
                raise
            except DriftgateError as error:
                # Such as a version that was deleted in MLflow: it waits until its history changes, or the process starts anew.
                problems.append(f"version {version.number}: {error.message}")
            self._keys[model][version.number] = keys[version.number]
        self._done[model] = keys
        if problems:
            self._warn(model, "; ".join(problems))

    def card(self, model: str, number: int) -> Card:
        """See the port."""
        version = self._gatherer.version(model, number)
        events, reports = self._gatherer.events(model), self._gatherer.reports(model)
        key = self._key(version, events, reports)
        if self._shelf.made(model).get(number) == key:
            files = {name: content for name in (MARKDOWN, PAGE) if (content := self._shelf.read(version, f"{FOLDER}/{name}")) is not None}
            if len(files) == 2:  # noqa: PLR2004 - both of them
                return Card(number, key, files, made=False)
        return Card(number, key, self._make(version, key, events, reports), made=True)

    def page(self, model: str, number: int) -> bytes:
        """See the port."""
        found = self._shelf.read(self._gatherer.version(model, number), f"{FOLDER}/{PAGE}")
        if found is None:
            raise ReportNotFound(
                f"version {number} of {model} has no model card yet: a worker makes it within seconds, `driftgate card {number}` at once"
            )
        return found

    def _make(self, version: Version, key: str, events: Sequence[Event], reports: Sequence[Report]) -> Mapping[str, bytes]:
        from driftgate.reports.cards import content, markdown, page
        from driftgate.reports.cards.summary import summary

        facts = self._gatherer.facts(version, events, reports)
        card = content.card(facts)
        files = {MARKDOWN: _encoded(markdown.written(card)), PAGE: _encoded(page.written(card))}
        self._shelf.keep(version, files)
        self._shelf.link(version, summary(facts, f"{FOLDER}/{PAGE}"), key)
        return files

    def _key(self, version: Version, events: Sequence[Event], reports: Sequence[Report]) -> str:
        simulation = newest_simulation(version.number, reports)
        told = self._settings.models[version.model].card
        return sha256(
            {
                "layout": LAYOUT,
                "artifact": version.artifact_sha256,
                "events": [event.hash for event in history(events, version.number)],
                "simulation": None if simulation is None else simulation.id,
                "purpose": told.model_dump(),
            }
        )

    def _warn(self, model: str, problem: str) -> None:
        if self._told.get(model) != problem:
            self._told[model] = problem
            logger.warning("model cards of %s could not all be made: %s", model, problem)


def _encoded(text: str) -> bytes:
    return text.encode(errors="replace")


def digests(card: Card) -> Mapping[str, str]:
    """The SHA-256 of each file of the card."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in card.files.items()}


def make_within(cards: Cards, seconds: float = PATIENCE_SECONDS) -> None:
    """Brings cards up to date, and waits no longer than that for it: a decision that was taken does not wait for its rendering."""
    thread = threading.Thread(target=cards.catch_up, kwargs={"quickly": True}, name="cards", daemon=True)
    thread.start()
    thread.join(seconds)
