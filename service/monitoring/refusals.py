"""What became of the last candidate that a trigger brought about, where it was not let in."""

from collections.abc import Callable

from driftgate.lifecycle.flows.promoting import promotions
from driftgate.lifecycle.ledger import Promotion, State
from driftgate.lifecycle.ports import Ledger, Registry
from driftgate.lifecycle.ports_watching import MonitoringBook
from driftgate.lifecycle.triggers import Refusal, Trigger

ENDED = {State.REFUSED: "refused", State.REJECTED: "rejected"}


def last_refusal(
    last: Trigger | None,
    champion: int | None,
    made: Callable[[Trigger], int | None],
    ledger: Ledger,
    registry: Registry,
    book: MonitoringBook,
) -> Refusal | None:
    """The refusal of what the trigger `last` brought about; None where the newest promotion of that version did not end in one.

    None, too, where another version than then serves: what was refused beside one champion may pass beside another. `made`: the version
    that a trigger's retrain came to. Labels are left at 0, for whoever counts them.
    """
    if last is None or champion is None or last.version != champion or (number := made(last)) is None:
        return None
    bound = next((version for version in registry.versions(last.model) if version.number == number), None)
    ended = next((each for each in promotions(last.model, ledger) if each.version == number), None)
    if bound is None or ended is None or ended.state not in ENDED:
        return None
    found = None if last.pass_id is None else book.find(last.pass_id)
    findings = () if found is None else found.findings
    rows = bound.snapshot.train_rows + bound.snapshot.holdout_rows
    return Refusal(bound.number, last.at, last.causes, findings, _told(ended), rows)


def _told(ended: Promotion) -> str:
    reasons = f" ({'; '.join(ended.reasons)})" if ended.reasons else ""
    return f"{ENDED[ended.state]}{reasons}"
