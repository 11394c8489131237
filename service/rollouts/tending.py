"""Who looks after roll-outs: every few seconds at errors and times, now and then at everything, and people are told what came of it."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from driftgate.lifecycle.flows import promoting, rolling_out
from driftgate.lifecycle.flows.promoting import Desk
from driftgate.lifecycle.flows.rolling_out import Came, Look
from driftgate.lifecycle.ledger import Action, Kind, State
from driftgate.lifecycle.ports_rollout import Gauge
from driftgate.service.application import Alerts

LEAST_PAUSE = timedelta(seconds=5)
SHARE_OF_AGE = 0.1
"""A thorough look reads every payload of the stage, so that the pauses between such looks grow with it."""

REMEMBERED = timedelta(days=1)
"""How long after the end of a roll-out it is still made sure that people were told."""

KEPT, PAUSE = timedelta(days=90), timedelta(hours=1)
"""How long counts are kept, and how often the older ones are deleted."""

FINE = "Its guards found nothing against it."


class Tending:
    """Roll-outs of one project, as one worker looks after them. Any number of workers may, and each step is taken once.

    `forget(before)`: deletes counts that are older.
    """

    def __init__(self, desk: Desk, gauge: Gauge, alerts: Alerts, forget: Callable[[datetime], int] = lambda _: 0) -> None:
        self._desk, self._gauge, self._alerts, self._forget = desk, gauge, alerts, forget
        self._looked: dict[str, datetime] = {}
        self._forgot: datetime | None = None

    def tend(self, model: str, *, thorough: bool | None = None) -> Sequence[Look]:
        """What came of a look at each roll-out of the model, and at the watch after the last one; told where it is news.

        `thorough`: see `rolling_out.look`; None: as often as it is due. Raises what a store or registry that does not answer raises.
        """
        looks = list(self._looks(model, thorough=thorough))
        for each in looks:
            self._tell(each)
        self._tell_ends(model)
        self._tidy(self._desk.ledger.now())
        return looks

    def _tidy(self, now: datetime) -> None:
        if self._forgot is None or now - self._forgot >= PAUSE:
            self._forget(now - KEPT)
            self._forgot = now

    def _looks(self, model: str, *, thorough: bool | None) -> Iterator[Look]:
        running = rolling_out.running(model, self._desk.ledger)
        for promotion in running:
            everything = self._due(promotion.id, promotion.changed_at) if thorough is None else thorough
            found = rolling_out.look(promotion.id, self._desk, self._gauge, thorough=everything)
            if found is not None:
                yield found
        last = self._desk.ledger.latest(model, Kind.DECIDED)
        if last is None or "warm_until" not in last.body:
            return
        everything = self._due(f"{last.subject} after", last.at) if thorough is None else thorough
        found = rolling_out.watch(model, self._desk, self._gauge, thorough=everything)
        if found is not None:
            yield found

    def _due(self, key: str, since: datetime) -> bool:
        now = self._desk.ledger.now()
        pause = max(LEAST_PAUSE, (now - since) * SHARE_OF_AGE)
        last = self._looked.get(key)
        if last is not None and now - last < pause:
            return False
        self._looked[key] = now
        return True

    def _tell(self, found: Look) -> None:
        current, stage = found.rollout.promotion, found.rollout.stage
        version, model = f"version {current.version} of {current.model}", current.model
        if found.came is Came.ADVANCED:
            self._say(current.id, model, f"{stage.number}", f"{version} is rolled out to {stage.share:.0%}", FINE)
        elif found.came is Came.PROMOTED:
            self._say(current.id, model, "promoted", f"{version} is the champion after its roll-out", FINE)
        elif found.wait_over:
            title = f"the roll-out of {version} has waited long at {stage.share:.0%}"
            self._say(current.id, model, f"waits {stage.number}", title, "; ".join(found.reasons))

    def _tell_ends(self, model: str) -> None:
        """Tells of what guards ended, from the ledger: whoever ended it may have died before telling."""
        now = self._desk.ledger.now()
        for each in promoting.promotions(model, self._desk.ledger):
            why = each.reasons[-1] if each.reasons else each.comment
            if now - each.changed_at >= REMEMBERED:
                continue
            if each.state is State.STOPPED:
                self._say(each.id, model, "stopped", f"the roll-out of version {each.version} of {model} was stopped", why)
            elif each.state is State.FAILED and each.stages:
                self._say(each.id, model, "failed", f"the roll-out of version {each.version} of {model} ended", why)
            elif each.state is State.PROMOTED and each.action is Action.ROLLBACK and each.actor == promoting.SYSTEM:
                title = f"{model} went back to version {each.version}, as version {each.expected_champion} failed its guards"
                self._say(each.id, model, "back", title, each.comment)

    def _say(self, promotion_id: str, model: str, what: str, title: str, body: str) -> None:
        self._alerts.tell(f"rollout {promotion_id} {what}", model, f"Driftgate: {title}", f"{body} (promotion {promotion_id})")
