"""The answer of a second person to a promotion that was judged and waits: approved, rejected, or never given."""

from datetime import timedelta

from driftgate.lifecycle.errors import Forbidden, WrongState
from driftgate.lifecycle.flows import policing
from driftgate.lifecycle.flows.policing import SYSTEM
from driftgate.lifecycle.flows.promoting import found
from driftgate.lifecycle.ledger import Event, Kind, NewEvent, Promotion, State, promotion
from driftgate.lifecycle.ports import Ledger


def approve(promotion_id: str, actor: str, comment: str, ledger: Ledger) -> Promotion:
    """The promotion, approved; `promote` carries it out. The approver may not be the requester.

    Raises WrongState where the time to approve it is over, where the policy lets nothing be promoted at this moment, and where a limit
    was tightened since it was judged: what passed then might not pass now.
    """
    expire(promotion_id, ledger)
    current = _awaiting(promotion_id, ledger)
    if actor == current.actor:
        raise Forbidden(f"{actor} requested this promotion and cannot approve it: ask somebody else")
    late = policing.untimely(current.model, ledger)
    if late is not None:
        raise WrongState(f"promotion {promotion_id} cannot be approved now: {late}")
    judgement = _judgement(promotion_id, ledger)
    stricter = () if judgement is None else policing.tightened(judgement, current.standard, ledger)
    if stricter:
        raise WrongState(f"promotion {promotion_id}: the policy was changed since it was judged ({', '.join(stricter)}): ask again")
    ledger.append(NewEvent(current.model, current.id, Kind.APPROVED, actor, {"comment": comment}))
    return _answered(promotion_id, Kind.APPROVED, actor, ledger)


def reject(promotion_id: str, actor: str, reason: str, ledger: Ledger) -> Promotion:
    """The promotion, rejected for the reason given."""
    current = _awaiting(promotion_id, ledger)
    ledger.append(NewEvent(current.model, current.id, Kind.REJECTED, actor, {"reason": reason}))
    return _answered(promotion_id, Kind.REJECTED, actor, ledger)


def expire(promotion_id: str, ledger: Ledger) -> bool:
    """Whether it was not approved in the time that the policy gave when it was judged. Then it ends as rejected, by nobody in person."""
    events, judgement = ledger.events(subject=promotion_id), _judgement(promotion_id, ledger)
    days = None if judgement is None else judgement.body["policy"].get("approval_days")
    if judgement is None or days is None or promotion(events).state is not State.AWAITING_APPROVAL:
        return False
    if ledger.now() - judgement.at <= timedelta(days=days):
        return False
    reason = f"nobody approved it within {days:g} days: what was measured is too old to act on; ask for it again"
    ledger.append(NewEvent(events[0].model, promotion_id, Kind.REJECTED, SYSTEM, {"reason": reason}))
    return True


def _judgement(promotion_id: str, ledger: Ledger) -> Event | None:
    return next((event for event in ledger.events(subject=promotion_id) if event.kind is Kind.JUDGED), None)


def _awaiting(promotion_id: str, ledger: Ledger) -> Promotion:
    current = found(promotion_id, ledger)
    if current.state is not State.AWAITING_APPROVAL:
        raise WrongState(f"promotion {promotion_id} is {current.state.value}, not awaiting approval")
    return current


def _answered(promotion_id: str, kind: Kind, actor: str, ledger: Ledger) -> Promotion:
    current = found(promotion_id, ledger)
    answers = [event for event in ledger.events(subject=promotion_id) if event.kind in (Kind.APPROVED, Kind.REJECTED)]
    if (answers[0].kind, answers[0].actor) != (kind, actor):
        raise WrongState(f"promotion {promotion_id} was {answers[0].kind.value} by {answers[0].actor} in the same moment")
    return current
