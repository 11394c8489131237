"""Wishes, from what a command or a route was given: the same for both."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from driftgate.lifecycle.errors import InvalidRequest, NoChampion, PromotionNotFound
from driftgate.lifecycle.flows import promoting
from driftgate.lifecycle.flows.challenging import ChallengeRequest
from driftgate.lifecycle.flows.monitoring import DriftRequest, MonitorRequest
from driftgate.lifecycle.flows.simulating import SimulationRequest
from driftgate.lifecycle.ledger import Promotion
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.plan import Source
from driftgate.lifecycle.ports import Ledger
from driftgate.lifecycle.versions import RetrainRequest
from driftgate.service.monitoring import passes
from driftgate.service.revision import code_revision
from driftgate.service.settings import Settings

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def retraining(settings: Settings, model: str, actor: str, *, reason: str, search: bool, data: Path | None) -> RetrainRequest:
    """A wish for a new candidate, under a fresh key."""
    plan = settings.plan(model, data)
    return RetrainRequest(f"retrain-{uuid.uuid4()}", plan, actor, reason, search, code_revision(settings.project))


def simulation(model: str, version: int) -> SimulationRequest:
    """A wish for a version's envelope, under a fresh key."""
    return SimulationRequest(f"simulation-{uuid.uuid4()}", model, version, datetime.now(UTC))


def drifting(model: str, version: int, current: Source | Window, *, html: bool) -> DriftRequest:
    """A wish for a drift report, under a fresh key."""
    return DriftRequest(f"drift-{uuid.uuid4()}", model, version, current, datetime.now(UTC), html)


def monitoring(settings: Settings, model: str, since: str | None) -> MonitorRequest:
    """A wish for a monitoring pass, under a fresh key: over the last `since`, by default the model's own window. Raises InvalidRequest."""
    window = window_of(since) if since else None
    return passes.asked_now(settings, model, window.end if window else datetime.now(UTC), window)


def challenge(model: str, version: int | None, actor: str, *, shadow_only: bool, comment: str) -> ChallengeRequest:
    """A wish for a challenger, or for none, under a fresh id. Raises InvalidRequest where it asks for both."""
    if version is None and shadow_only:
        raise InvalidRequest("to stop a challenge leaves nothing for the shadow: drop shadow_only, or name a version", field="shadow_only")
    return ChallengeRequest(f"challenge-{uuid.uuid4()}", model, version, actor, shadow_only, comment)


def window_of(since: str) -> Window:
    """The window of the last `7d`, `12h`, `30m`, ... up to now. Raises InvalidRequest."""
    match = re.fullmatch(r"([1-9][0-9]{0,4})([smhdw])", since)
    if match is None:
        raise InvalidRequest(f"{since!r} is not a span of time; write a number and s, m, h, d or w, such as 7d", field="since")
    now = datetime.now(UTC)
    return Window(now - timedelta(**{UNITS[match[2]]: int(match[1])}), now)


def champion(ledger: Ledger, model: str) -> int:
    """The champion's number. Raises NoChampion."""
    number = ledger.champion(model)
    if number is None:
        raise NoChampion(f"model {model} has no champion yet; name a version, or promote one first")
    return number


def promotion_of(model: str, promotion_id: str, ledger: Ledger) -> Promotion:
    """The promotion of that id, where it is of that model. Raises PromotionNotFound."""
    found = promoting.found(promotion_id, ledger)
    if found.model != model:
        raise PromotionNotFound(f"there is no promotion {promotion_id} of model {model}")
    return found


def file_below(project: Path, name: str) -> Path:
    """The file of that name below the project. Raises InvalidRequest where it lies outside or does not exist."""
    path = (project / name).resolve()
    if not path.is_relative_to(project.resolve()) or not path.is_file():
        raise InvalidRequest(f"{name!r} is not a file below the project folder", field="data")
    return path
