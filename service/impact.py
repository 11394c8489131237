"""The impact report: what the champion's arm brought against the heuristic's, and how the challenger stands, as one document."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from driftgate.lifecycle.errors import DriftgateError, NoChampion
from driftgate.lifecycle.findings import Finding
from driftgate.lifecycle.judging import impact as judging
from driftgate.lifecycle.ledger import Challenge, Event, Kind
from driftgate.lifecycle.maturity import matured
from driftgate.lifecycle.measurements_impact import Advantage, ArmOutcomes, Duel, ImpactMeasurement
from driftgate.lifecycle.payloads import Outcome, Payload, Window
from driftgate.lifecycle.ports import Ledger
from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.verdicts import Estimate
from driftgate.service.settings import Settings

if TYPE_CHECKING:
    from driftgate.reports.impact.arms import Recorded
    from driftgate.reports.impact.cases import Favour

LEVEL = 0.05
"""The chance of any false alarm in one report, and, apart from that, of a wrong word on the challenger however often one looks."""

Document = dict[str, Any]


class Log(Protocol):
    """The payload log with its outcomes."""

    def read(
        self, model: str, window: Window, version: int | None = None, *, shadows: bool = False, bare: bool = False
    ) -> Sequence[Payload]:
        """The payloads of the window; `bare`: without features."""
        ...

    def joined(
        self, model: str, window: Window, version: int | None = None, *, shadows: bool = False, bare: bool = False
    ) -> Sequence[tuple[Payload, Outcome]]:
        """Those of them whose outcome is known, each with it."""
        ...


@dataclass(frozen=True, slots=True)
class Books:
    """Where the report looks. `schema_of`: a version's schema, by its number; may raise a DriftgateError."""

    settings: Settings
    log: Log
    ledger: Ledger
    schema_of: Callable[[str, int], Schema]


@dataclass(frozen=True, slots=True)
class Impact:
    """What was measured of a model and its challenger, and the findings. `problems`: what could not be looked at."""

    measured: ImpactMeasurement
    findings: tuple[Finding, ...]
    champion: int
    challenger: int | None
    since: datetime | None
    duels: tuple[Duel, ...]
    problems: tuple[str, ...]


def look(model: str, window: Window, now: datetime, books: Books) -> Impact:
    """Impact over the window, and the challenger's duels since its challenge began, whatever the window.

    Raises NoChampion, InvalidConfiguration where the favourable outcome is none of the classes, StoreUnavailable.
    """
    champion = books.ledger.champion(model)
    if champion is None:
        raise NoChampion(f"model {model} has no champion yet: there is no arm to look at")
    schema, problems = _schema(model, champion, books)
    measured = measure(model, champion, schema, window, now, books)
    challenger, since, duels = challenge(model, champion, schema, now, books)
    return Impact(measured, judging.impact(measured, LEVEL), champion, challenger, since, duels, (*measured.problems, *problems))


def measure(
    model: str, champion: int, schema: Schema | None, window: Window, now: datetime, books: Books, recorded: "Recorded | None" = None
) -> ImpactMeasurement:
    """The champion's arm against the heuristic's. `recorded`: what the log holds of the window, where it was read already."""
    from driftgate.reports.impact import arms
    from driftgate.reports.impact.cases import favour

    table = books.settings.models[model].monitoring
    good = favour(schema, table.favourable)
    now_recorded = recorded or _recorded(model, window, now, books)
    if isinstance(good, str):
        return ImpactMeasurement(
            model, window, now_recorded.judged, "unknown", True, arms.CONFIDENCE, table.value_per_entity, None, good, no_decay=good
        )
    terms = arms.Terms(good, table.value_per_entity, max(table.minimum_rows, arms.LEAST))
    first, why = _first(model, champion, now_recorded, now, books)
    return arms.measure(model, terms, now_recorded, version=champion, first=first, no_first=why)


def document(found: Impact) -> Document:
    """The report as `--json` prints it."""
    measured, overall = found.measured, found.measured.overall
    return {
        "model": measured.model,
        "version": found.champion,
        "start": _time(measured.window.start),
        "end": _time(measured.window.end),
        "judged": None if measured.judged is None else {"start": _time(measured.judged.start), "end": _time(measured.judged.end)},
        "favourable": measured.favourable,
        "assumed": measured.assumed,
        "confidence": measured.confidence,
        "level": LEVEL,
        "verdict": found.findings[0].verdict.value,
        **_advantage(overall),
        "findings": [_finding(each) for each in found.findings],
        "versions": [{"version": each.version, **_advantage(each.advantage)} for each in measured.versions],
        "periods": [{"period": each.name, **_advantage(each.within), "so_far": _advantage(each.so_far)} for each in measured.periods],
        "challenger": None if found.challenger is None else _challenger(found),
        "left_out": {"moved": measured.moved, "nameless": measured.nameless, "strange": measured.strange},
        "problems": list(found.problems),
    }


def _schema(model: str, champion: int, books: Books) -> tuple[Schema | None, tuple[str, ...]]:
    try:
        return books.schema_of(model, champion), ()
    except DriftgateError as error:
        return None, (f"version {champion} cannot be looked up, so losses and classes are unknown: {error.message}",)


def _recorded(model: str, window: Window, now: datetime, books: Books, *, shadows: bool = False) -> "Recorded":
    from driftgate.reports.impact.arms import Recorded

    judged = matured(window, now, timedelta(days=books.settings.models[model].outcomes.maturity_days))
    outcomes = () if judged is None else books.log.joined(model, judged, shadows=shadows, bare=True)
    return Recorded(window, judged, books.log.read(model, window, bare=True), outcomes)


def _first(model: str, champion: int, recorded: "Recorded", now: datetime, books: Books) -> "tuple[Recorded | None, str]":
    """What the log holds of the version's first period as champion, as long as the window; or why there is none to compare with."""
    began = next((event.at for event in books.ledger.events(model) if _made_champion(event.kind, event.body, champion)), None)
    length = recorded.window.end - recorded.window.start
    if began is None:
        return None, f"the ledger does not say when version {champion} became champion"
    first = Window(began, began + length)
    if recorded.judged is None or first.end > recorded.judged.start:
        return (
            None,
            f"version {champion} is in its first period: its matured outcomes do not reach beyond {_time(first.end)} by a window yet",
        )
    found = _recorded(model, first, now, books)
    return (found, "") if found.answers else (None, f"the log holds nothing of the first period of version {champion}")


def _made_champion(kind: Kind, body: Mapping[str, Any], version: int) -> bool:
    return kind is Kind.DECIDED and body.get("version") == version


def _began(event: Event, named: Challenge) -> bool:
    if named.rollout is None:
        return event.kind is Kind.CHALLENGED
    return event.kind is Kind.STAGED and event.subject == named.rollout.promotion_id


def challenge(
    model: str, champion: int, schema: Schema | None, now: datetime, books: Books
) -> tuple[int | None, datetime | None, tuple[Duel, ...]]:
    """The challenger, since when it challenges, and its duels as of `now`; nobody where the challenge began later."""
    from driftgate.reports.impact.cases import favour
    from driftgate.reports.impact.duels import Match, duels

    named = books.ledger.challenger(model)
    if named is None:
        return None, None, ()
    since = max(event.at for event in books.ledger.events(model) if _began(event, named))
    if since >= now:
        return None, None, ()
    good: Favour | str = favour(schema, books.settings.models[model].monitoring.favourable)
    recorded = _recorded(model, Window(since, now), now, books, shadows=True)
    match = Match(champion, named.version, None if isinstance(good, str) else good, schema, level=LEVEL)
    return named.version, since, duels(match, recorded)


def _advantage(found: Advantage | None) -> Document:
    return {
        "difference": None if found is None else _estimate(found.difference),
        "entities_saved": None if found is None else _estimate(found.saved),
        "value": None if found is None else _estimate(found.worth),
        "undecided": None if found is None else found.undecided,
        "model_arm": None if found is None else _arm(found.model),
        "heuristic_arm": None if found is None else _arm(found.heuristic),
    }


def _estimate(found: Estimate | None) -> Document | None:
    return None if found is None else {"estimate": found.value, "lower": found.lower, "upper": found.upper}


def _arm(found: ArmOutcomes) -> Document:
    return {
        "entities": found.entities,
        "rows": found.rows,
        "rate": found.rate,
        "unlabelled": found.unlabelled,
        "versions": list(found.versions),
    }


def _finding(found: Finding) -> Document:
    return {
        "name": found.name, "verdict": found.verdict.value, "estimate": found.value, "lower": found.lower, "upper": found.upper,
        "p_value": found.p_value, "reasons": list(found.reasons),
    }  # fmt: skip


def _challenger(found: Impact) -> Document:
    return {
        "version": found.challenger,
        "since": None if found.since is None else _time(found.since),
        "duels": [_duel(each) for each in found.duels],
    }


def _duel(found: Duel) -> Document:
    return {
        "pairing": found.pairing.value,
        "measure": found.measure,
        "standing": found.standing.value,
        "difference": _estimate(found.looks[-1].difference),
        "champion_entities": found.champion_entities,
        "challenger_entities": found.challenger_entities,
        "rows": found.rows,
        "decided_at": None if found.decided_at is None else _time(found.decided_at),
        "needed": found.needed,
        "level": found.level,
        "reasons": list(found.reasons),
    }


def _time(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds")
