"""What the ledger says of one version: every event about it, and the last judgement of it."""

from collections.abc import Sequence

from driftgate.lifecycle.ledger import Event, Kind, serving, ungated


def history(events: Sequence[Event], number: int) -> tuple[Event, ...]:
    """The events about the version, in order, out of those of its model.

    These are all events of a subject in which it was asked for, judged or decided, the decision that put another champion in its place,
    and the event that ended its challenge.
    """
    subjects = {event.subject for event in events if event.body.get("version") == number}
    found, challenges = [], False
    for event in events:
        replaced = event.kind is Kind.DECIDED and event.body.get("previous") == number
        ended = challenges and event.kind is Kind.CHALLENGED
        if event.subject in subjects or replaced or ended:
            found.append(event)
        if event.kind is Kind.CHALLENGED:
            challenges = event.body["version"] == number
        elif event.kind is Kind.DECIDED:
            challenges = False
    return tuple(found)


def last_judgement(events: Sequence[Event], number: int) -> Event | None:
    """The newest event that holds gates about the version, as a candidate or a challenger; None where it was never judged."""
    about = {event.subject for event in events if event.body.get("version") == number}
    return next((event for event in reversed(events) if event.subject in about and event.body.get("gates")), None)


def standing(events: Sequence[Event], number: int, model: str) -> str:
    """What the version is by the ledger, in words: champion, challenger, a former champion, or never promoted.

    Of one whose last promotion skipped the gates the words say so.
    """
    named = serving(events, model)
    forced = ", promoted without gates (break-glass)" if ungated(events, number) is not None else ""
    if named.champion == number:
        return f"champion{forced}"
    if named.challenger is not None and named.challenger.version == number:
        return "challenger, in shadow only" if named.challenger.shadow_only else "challenger"
    decided = any(event.kind is Kind.DECIDED and int(event.body["version"]) == number for event in events)
    return f"former champion{forced}" if decided else "never promoted"
