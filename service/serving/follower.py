"""Who answers each model's arms: followed as the ledger names them, each version loaded and tried before it takes over."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from driftgate.lifecycle.arms import Split
from driftgate.lifecycle.errors import DriftgateError, NoChampion, StoreUnavailable
from driftgate.lifecycle.flows.predicting import Lineup, Rule
from driftgate.lifecycle.ledger import Challenge, Standby
from driftgate.lifecycle.ports import Ledger
from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.versions import Version
from driftgate.registry.secrecy import hidden
from driftgate.service.serving.loaded import LoadedVersion, ScorerSource, warmed
from driftgate.service.serving.remembered import Remembered, Standing

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How a model's traffic is divided: the shares, and how its heuristic is made for a champion's schema (None: it has none)."""

    split: Split
    heuristic: Callable[[Schema], Rule] | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """The loaded versions of one model. `share`: the challenger's in a roll-out; None where it is the one of the settings.

    `standby`: the champion before a roll-out, which answers nobody and is loaded for the way back.
    """

    champion: LoadedVersion
    challenger: LoadedVersion | None = None
    shadow_only: bool = False
    share: float | None = None
    standby: LoadedVersion | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A version that could not be loaded: why, the pause (seconds) before the next attempt, and when that is (monotonic)."""

    error: Exception
    pause: float
    again_at: float


class Follower:
    """The champion and the challenger that the ledger names, per model, loaded.

    A new version replaces the old one only once it has answered a row; where it cannot, the old one serves on, `problems` says
    why, and `alarm(model, problem)` is called once per host, however many processes serve. At the start "the old one" is what
    served last: where the ledger does not answer, or the version that it names cannot be loaded, that is loaded from the local
    cache, its digest checked as always.
    """

    def __init__(
        self,
        arrangements: Mapping[str, Arrangement],
        ledger: Ledger,
        source: ScorerSource,
        remembered: Remembered,
        alarm: Callable[[str, str], None] = lambda _model, _problem: None,
    ) -> None:
        self._arrangements = dict(arrangements)
        self._ledger, self._source, self._remembered, self._alarm = ledger, source, remembered, alarm
        self._loaded: dict[str, Loaded] = {}
        self._lineups: dict[str, Lineup] = {}
        self._problems: dict[str, str] = {}
        self._failed: dict[tuple[str, int], Failed] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follower", daemon=True)

    def start(self) -> None:
        """Loads what the ledger names now, and then follows it."""
        self.refresh()
        self._thread.start()

    def stop(self) -> None:
        """Ends the following; what is loaded stays."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def lineup(self, model: str) -> Lineup:
        """Who answers the model's arms now. Raises NoChampion while nobody does."""
        lineup = self._lineups.get(model)
        if lineup is None:
            why = self._problems.get(model)
            raise NoChampion(f"model {model} has no champion that can serve" + (f": {why}" if why else "; promote a version first"))
        return lineup

    def loaded(self, model: str) -> Loaded | None:
        """The loaded versions; None while there are none."""
        return self._loaded.get(model)

    def serving(self, model: str) -> int | None:
        """The number of the loaded champion; None while there is none."""
        loaded = self._loaded.get(model)
        return None if loaded is None else loaded.champion.number

    def schema(self, model: str) -> Schema | None:
        """The schema of the loaded champion; None while there is none."""
        loaded = self._loaded.get(model)
        return None if loaded is None else loaded.champion.schema

    def problems(self) -> dict[str, str]:
        """Why what the ledger names is not what is loaded, per model."""
        return dict(self._problems)

    def refresh(self) -> None:
        """Loads what the ledger names of every model and is not loaded."""
        for model in self._arrangements:
            try:
                self._refresh_one(model)
            except Exception as error:  # noqa: BLE001 - one model that cannot be loaded must not stop the others
                self._serve_remembered(model)
                told = error.message if isinstance(error, DriftgateError) else hidden(f"{type(error).__name__}: {error}")
                # A ledger that does not answer for a moment is no news for people: what serves goes on.
                self._report(model, told, alarming=not isinstance(error, StoreUnavailable))

    def _refresh_one(self, model: str) -> None:
        named = self._ledger.serving(model)
        loaded, challenge = self._loaded.get(model), named.challenger
        if named.champion is None:
            self._settled(model)
            return
        champion = self._version(model, named.champion, loaded)
        if loaded is None or champion is not loaded.champion:
            # The champion first: a challenger that cannot be loaded must not hold it back. Who stays loaded is settled below.
            self._take(model, _led(champion, loaded, challenge))
        before = loaded or self._loaded[model]
        challenger = None if challenge is None else self._version(model, challenge.version, before)
        shadow_only = challenge is not None and challenge.shadow_only
        share = None if challenge is None else challenge.share
        wanted = Loaded(champion, challenger, shadow_only, share, self._standby(model, named.standby, before))
        if wanted != self._loaded[model]:
            self._take(model, wanted)
        self._settled(model)

    def _standby(self, model: str, named: Standby | None, before: Loaded) -> LoadedVersion | None:
        """The champion before, as long as the ledger says; one that cannot be loaded is left out, for it answers nobody."""
        if named is None or named.until <= datetime.now(UTC):
            return None
        try:
            return self._version(model, named.version, before)
        except Exception as error:  # noqa: BLE001 - what serves is right without it
            logger.warning("version %s of %s cannot be kept ready for a rollback: %s", named.version, model, error)
            return None

    def _version(self, model: str, number: int, loaded: Loaded | None) -> LoadedVersion:
        for known in () if loaded is None else (loaded.champion, loaded.challenger, loaded.standby):
            if known is not None and known.number == number:
                return known
        return self._warmed(self._source.version(model, number))

    def _warmed(self, version: Version) -> LoadedVersion:
        """The version, loaded. One that failed is tried again after a pause: each attempt takes the processor from predictions."""
        key = (version.model, version.number)
        failed = self._failed.get(key)
        if failed is not None and time.monotonic() < failed.again_at:
            raise failed.error.with_traceback(None)
        try:
            loaded = warmed(self._source, version)
        except Exception as error:
            # At once, then after 1, 3, 7, ... seconds.
            pause = 0.0 if failed is None else min(2 * failed.pause + 1, LONGEST_PAUSE_SECONDS)
            self._failed[key] = Failed(error, pause, time.monotonic() + pause)
            raise
        self._failed.pop(key, None)
        return loaded

    def _take(self, model: str, loaded: Loaded) -> None:
        """Puts the versions in service, in one assignment: a request sees the old lineup or the new one."""
        self._arrange(model, loaded)
        challenger = None if loaded.challenger is None else loaded.challenger.version
        self._remembered.keep(model, Standing(loaded.champion.version, challenger, loaded.shadow_only, loaded.share))
        logger.info("version %s of %s serves now%s", loaded.champion.number, model, _beside(loaded))

    def _arrange(self, model: str, loaded: Loaded) -> None:
        answering = None if loaded.shadow_only else loaded.challenger
        split = self._arrangements[model].split
        if loaded.share is not None:
            split = split.rolled_out(loaded.share)
        counted = loaded.share is not None or loaded.standby is not None
        self._lineups[model] = Lineup(loaded.champion, split, answering, self._heuristic(model, loaded), counted)
        self._loaded[model] = loaded

    def _heuristic(self, model: str, loaded: Loaded) -> Rule | None:
        make = self._arrangements[model].heuristic
        try:
            return None if make is None else make(loaded.champion.schema)
        except DriftgateError as error:
            # Its share goes to the champion.
            logger.error("the heuristic of %s cannot be used: %s", model, error.message)  # noqa: TRY400 - the sentence says it
            self._alarm(model, error.message)
            return None

    def _serve_remembered(self, model: str) -> None:
        standing = self._remembered.last(model) if model not in self._loaded else None
        if standing is None:
            return
        try:
            champion = self._warmed(standing.champion)
        except Exception:
            if model not in self._problems:
                logger.exception("version %s of %s, which served last, cannot be loaded", standing.champion.number, model)
            return
        challenger = self._remembered_challenger(standing.challenger)
        self._arrange(model, Loaded(champion, challenger, standing.shadow_only, standing.share))
        logger.warning("version %s of %s, which served last, serves from the local cache", champion.number, model)

    def _remembered_challenger(self, version: Version | None) -> LoadedVersion | None:
        try:
            return None if version is None else self._warmed(version)
        except Exception:
            # Its share goes to the champion.
            logger.exception("the challenger that was served last cannot be loaded")
            return None

    def _report(self, model: str, problem: str, *, alarming: bool) -> None:
        if self._problems.get(model) != problem:
            logger.error("what the ledger names for %s cannot be loaded: %s", model, problem)
        self._problems[model] = problem
        if alarming and self._remembered.first_to_tell(model, problem):
            self._alarm(model, problem)

    def _settled(self, model: str) -> None:
        if self._problems.pop(model, None) is not None:
            self._remembered.told_all(model)

    def _follow(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            self.refresh()


def _led(champion: LoadedVersion, loaded: Loaded | None, challenge: Challenge | None) -> Loaded:
    """The versions that were loaded under the new champion, at once: of the others only a challenger that is one still answers."""
    if loaded is None or loaded.challenger is None or challenge is None or challenge.version != loaded.challenger.number:
        return Loaded(champion)
    return Loaded(champion, loaded.challenger, loaded.shadow_only, loaded.share)


def _beside(loaded: Loaded) -> str:
    if loaded.challenger is None:
        return "" if loaded.standby is None else f", with {loaded.standby.number} ready to take over again"
    if loaded.share is not None:
        return f", with {loaded.challenger.number} rolled out to {loaded.share:.0%}"
    return f", challenged by {loaded.challenger.number}" + (" in shadow" if loaded.shadow_only else "")
