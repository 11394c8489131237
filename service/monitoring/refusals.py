"""What became of the last candidate that a trigger brought about, where it was not let in."""

from collections.abc import Callable

from driftgate.lifecycle.flows.promoting import SYSTEM, promotions
from driftgate.lifecycle.ledger import Kind, Promotion, State
from driftgate.lifecycle.ports import Ledger, Registry
from driftgate.lifecycle.ports_watching import MonitoringBook
from driftgate.lifecycle.promotion_times import TIMES
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

    None, too, where it says nothing of the next candidate: another version than then serves, another policy is in force, it was asked for
    at a wrong time, or nobody approved it in time. `made`: the version that a trigger's retrain came to. Labels are left at 0, for whoever
    counts them.
    """
    if last is None or champion is None or last.version != champion or (number := made(last)) is None:
        return None
    bound = next((version for version in registry.versions(last.model) if version.number == number), None)
    ended = next((each for each in promotions(last.model, ledger) if each.version == number), None)
    if bound is None or ended is None or not _on_evidence(ended) or _ruled_since(ended, ledger):
        return None
    found = None if last.pass_id is None else book.find(last.pass_id)
    findings = () if found is None else found.findings
    rows = bound.snapshot.train_rows + bound.snapshot.holdout_rows
    return Refusal(bound.number, last.at, last.causes, findings, _told(ended), rows)


def _on_evidence(ended: Promotion) -> bool:
    """Whether a gate or a person refused the version for what it is."""
    if ended.state is State.REJECTED:
        return ended.approver != SYSTEM
    blocking = {gate["name"] for gate in ended.gates if gate["verdict"] in ("fail", "undecided")}
    return ended.state is State.REFUSED and bool(blocking - {TIMES})


def _ruled_since(ended: Promotion, ledger: Ledger) -> bool:
    changed = ledger.latest(ended.model, Kind.POLICY_CHANGED)
    return changed is not None and changed.sequence > ledger.events(subject=ended.id)[-1].sequence


def _told(ended: Promotion) -> str:
    reasons = f" ({'; '.join(ended.reasons)})" if ended.reasons else ""
    return f"{ENDED[ended.state]}{reasons}"
