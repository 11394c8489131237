"""A roll-out: the stages in which a promoted version is given the traffic, as the ledger tells of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.flows.policing import SYSTEM
from driftgate.lifecycle.ledger import Event, Kind, NewEvent, Promotion, promotion
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.policy_changes import from_document
from driftgate.lifecycle.ports import Ledger
from driftgate.lifecycle.verdicts import Gate


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage that was reached: its number from 1, the version's share of the entities, when, and what the guards said to it."""

    number: int
    share: float
    at: datetime
    gates: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Rollout:
    """The roll-out of one promotion. `policy`: the one that it was judged by, whose guards hold to the end.

    `reached`: at least one stage. The last share, 1, is no stage of its own: it is the decision. `ended`: the event that stopped it.
    """

    promotion: Promotion
    policy: Policy
    reached: tuple[Stage, ...]
    ended: Event | None = None
    decided: Event | None = None

    @property
    def stage(self) -> Stage:
        """The stage that was reached last."""
        return self.reached[-1]

    @property
    def began(self) -> datetime:
        """When the version got its first share."""
        return self.reached[0].at

    @property
    def at_last(self) -> bool:
        """Whether nothing but the decision comes after the present stage."""
        return self.stage.number >= len(self.promotion.stages) - 1

    @property
    def watched_until(self) -> datetime | None:
        """Until when the champion before is kept loaded; None before the decision."""
        return None if self.decided is None else datetime.fromisoformat(str(self.decided.body["warm_until"]))

    @property
    def level(self) -> float:
        """The chance at which one guard may stop it in one stage; the watch afterwards counts as one. See `judging.rollouts.GUARDS`."""
        return self.policy.rollout_level / len(self.promotion.stages)


def subject(promotion_id: str, number: int) -> str:
    """Under which subject a stage is in the ledger, which keeps one event of a kind for each: the first one under the promotion's."""
    return promotion_id if number == 1 else f"{promotion_id}.{number}"


def staged(current: Promotion, number: int, gates: Sequence[Gate] = ()) -> NewEvent:
    """The event that begins a stage. `gates`: what the guards said to the one before."""
    body = {
        "promotion_id": current.id,
        "version": current.version,
        "champion": current.expected_champion,
        "stage": number,
        "share": current.stages[number - 1],
        "stages": list(current.stages),
        "gates": plain(gates),
    }
    return NewEvent(current.model, subject(current.id, number), Kind.STAGED, SYSTEM, body)


def rollout(promotion_id: str, ledger: Ledger) -> Rollout | None:
    """The roll-out of the promotion; None where it has none."""
    events = ledger.events(subject=promotion_id)
    by_kind = {event.kind: event for event in events}
    if Kind.STAGED not in by_kind:
        return None
    current, reached = promotion(events), [_stage(by_kind[Kind.STAGED])]
    while len(reached) < len(current.stages) - 1:
        later = ledger.events(subject=subject(promotion_id, len(reached) + 1))
        if not later:
            break
        reached.append(_stage(later[0]))
    policy = from_document(by_kind[Kind.JUDGED].body["policy"])
    return Rollout(current, policy, tuple(reached), by_kind.get(Kind.ROLLOUT_ENDED), by_kind.get(Kind.DECIDED))


def warm_until(found: Rollout, now: datetime) -> datetime:
    """Until when the champion that a decision replaces now is kept loaded, and the guards may go back to it."""
    return now + timedelta(hours=found.policy.rollout_watch_hours)


def _stage(event: Event) -> Stage:
    return Stage(int(event.body["stage"]), float(event.body["share"]), event.at, tuple(event.body["gates"]))
