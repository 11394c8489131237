"""Who was champion before: the way by which the present one was reached."""

from collections.abc import Sequence

from driftgate.lifecycle.ledger import Action, Event, Kind, ungated


def way(decisions: Sequence[Event]) -> list[int]:
    """The champions, oldest first, that one model's decisions, in order, led over; the last one serves.

    A rollback goes back on the way: whoever was rolled back is no part of it, until promoted again.
    """
    path: list[int] = []
    for event in decisions:
        number = int(event.body["version"])
        if event.body["action"] == Action.ROLLBACK.value and number in path:
            while path[-1] != number:
                path.pop()
        else:
            path.append(number)
    return path


def former_champions(events: Sequence[Event], best_of: int, *but: int) -> tuple[int, ...]:
    """Of the last `best_of` champions of one model, those before the present one, newest first, without those in `but`.

    Whoever was rolled back does not count: somebody found it to be bad, and what looked good on the rows must not bind its successors.
    Nor does one whose last promotion was without gates: nothing ever showed it to be good, and a row of such promotions would push those
    that were shown to be out of the count.
    """
    decisions = [event for event in events if event.kind is Kind.DECIDED]
    earlier = [number for number in reversed(way(decisions)[:-1]) if ungated(decisions, number) is None]
    known = [number for number in dict.fromkeys(earlier) if number not in but]
    return tuple(known[: max(best_of - 1, 0)])
