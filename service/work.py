"""The pieces of long work, each a function from ports and plain arguments to a document.

The worker runs them as durable workflows over checkpointed ports, a lone command in its own process over plain ones.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from driftgate.lifecycle import rollouts
from driftgate.lifecycle.errors import DriftgateError, Unavailable
from driftgate.lifecycle.findings import Pass
from driftgate.lifecycle.flows import challenging, policing, promoting
from driftgate.lifecycle.flows.challenging import ChallengeRequest
from driftgate.lifecycle.flows.monitoring import DriftRequest, MonitorRequest, measure_drift, monitor
from driftgate.lifecycle.flows.retraining import retrain
from driftgate.lifecycle.flows.simulating import SimulationRequest, simulate
from driftgate.lifecycle.ledger import Action, Promotion, State
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.triggers import Trigger
from driftgate.lifecycle.versions import RetrainRequest
from driftgate.lifecycle.weighing import Tick, Weighing
from driftgate.registry.secrecy import hidden
from driftgate.service import documents
from driftgate.service.application import Application
from driftgate.service.documents import Document
from driftgate.service.monitoring import passes
from driftgate.service.monitoring.timetable import DIGEST, MONITOR, RETRAIN
from driftgate.service.policies import ruling

SHORT = "the window is shorter than monitoring.window_days: this pass is kept, raises and ends no alarm, and weighs no retrain"


def run_retrain(app: Application, request: RetrainRequest) -> Document:
    """A new candidate."""
    return documents.retrained(retrain(request, app.trainer, app.examiner, app.registry))


def run_gate(app: Application, model: str, number: int, policy: Policy) -> Document:
    """The judgement of a version as it would be now; nothing is decided."""
    champion = app.ledger.champion(model)
    against = None if champion == number else champion
    version = app.registry.version(model, number)
    force = ruling(model, policy, app.ledger)
    limits = policing.limits(version, against, force, app.ledger, app.registry)
    evidence = promoting.gather(model, number, against, app.desk, limits.policy)
    judgement = promoting.judged(evidence, limits.policy, policing.timely(model, force, app.ledger))
    return documents.judged(model, number, against, judgement)


def run_promotion(app: Application, promotion_id: str, policy: Policy) -> Document:
    """A requested promotion or rollback, taken as far as it goes.

    Where no judgement was possible it ends as failed, and nothing has changed. Where it was decided and MLflow does not
    answer, it stays decided: what serves is right already, and the reconciler moves the alias once it can.
    """
    try:
        current = _carried_out(app, promotion_id, policy)
    except Unavailable as error:
        current = promoting.fail(promotion_id, error.message, app.ledger)
        if current.decided:
            raise
    except DriftgateError as error:
        current = promoting.fail(promotion_id, error.message, app.ledger)
    except Exception as error:
        current = promoting.fail(promotion_id, hidden(f"unexpected {type(error).__name__}: {error}"), app.ledger)
        if current.decided:
            raise
    if current.break_glass and current.state is State.PROMOTED:
        tell_forced(app, current)
    rolled = rollouts.rollout(current.id, app.ledger) if current.stages else None
    return documents.promotion(current, app.ledger.champion(current.model), rolled)


def tell_forced(app: Application, forced: Promotion) -> None:
    """Tells every channel of a promotion that skipped the gates; once, however often it is called."""
    app.alerts.tell(
        f"break-glass {forced.id}",
        forced.model,
        f"Driftgate: version {forced.version} of {forced.model} was promoted without gates",
        f"{forced.actor} promoted version {forced.version} of {forced.model} over {forced.expected_champion or 'no champion'}. "
        f"No gate was asked and nobody approved. The reason given: {forced.comment} (promotion {forced.id})",
    )


def _carried_out(app: Application, promotion_id: str, policy: Policy) -> Promotion:
    if promoting.found(promotion_id, app.ledger).action is Action.ROLLBACK:
        return promoting.roll_back(promotion_id, app.desk)
    return promoting.promote(promotion_id, policy, app.desk)


def run_challenge(app: Application, asked: ChallengeRequest, policy: Policy) -> Document:
    """A challenge: let in, refused or withdrawn."""
    ended = challenging.challenge(asked, policy, app.desk)
    return documents.challenged(ended, app.ledger.serving(asked.model), app.settings.models[asked.model].arms)


def run_drift(app: Application, request: DriftRequest) -> Document:
    """A drift report."""
    return documents.drifted(*measure_drift(request, app.registry, app.meter, app.registry))


def run_simulation(app: Application, request: SimulationRequest) -> Document:
    """A degradation envelope."""
    envelope, report = simulate(request, app.registry, app.simulator, app.registry)
    return documents.simulated(request.version, envelope, report)


def run_monitor(app: Application, request: MonitorRequest) -> Document:
    """A monitoring pass: kept, told, and acted on; only kept where its window is too short for that."""
    found = monitor(request, app.ledger, app.registry, app.watch, app.registry, app.book)
    if not request.acts:
        document = documents.passed(found, app.book.alarms(found.model).firing, ())
        return {**document, "problems": [*document["problems"], SHORT]}
    app.alerts.take_in(found)
    considered, said = _considered(app, found)
    weighing = considered.job_id if isinstance(considered, Weighing) else None
    triggers = (considered,) if isinstance(considered, Trigger) else ()
    document = documents.passed(found, app.book.alarms(found.model).firing, triggers, weighing)
    return {**document, "problems": [*document["problems"], *said]}


def _considered(app: Application, found: Pass) -> tuple[Trigger | Weighing | None, Sequence[str]]:
    # What was found is kept and told by now: a retrain that cannot be weighed must not undo that.
    try:
        return app.triggers.consider(found), ()
    except Unavailable:
        raise
    except DriftgateError as error:
        return None, (f"whether to retrain could not be weighed: {error.message}",)


def run_weighing(app: Application, wish: str | Tick) -> Document:
    """What follows from a pass, by its id, or from a tick of the schedule, with the trial refit that it takes."""
    if isinstance(wish, Tick):
        return documents.triggered(app.triggers.weigh(wish))
    found = app.book.find(wish)
    return documents.triggered(None if found is None else app.triggers.weigh(found))


def run_scheduled_monitor(app: Application, model: str, tick: datetime) -> Document:
    """The pass of a tick."""
    return run_monitor(app, passes.scheduled(app.settings, model, tick))


def run_scheduled_retrain(app: Application, model: str, tick: datetime) -> Document:
    """The retrain of a tick, started or held back."""
    return documents.triggered(app.triggers.scheduled(model, tick))


def run_scheduled_digest(app: Application, _: None, tick: datetime) -> Document:
    """The digests of what was put aside up to a tick; the worker delivers them."""
    return {"digests": [notice.id for notice in app.alerts.send_digest(tick.astimezone(UTC))]}


WORK: Mapping[str, Callable[..., Any]] = {
    "retrain": run_retrain,
    "gate": run_gate,
    "promotion": run_promotion,
    "challenge": run_challenge,
    "drift": run_drift,
    "simulation": run_simulation,
    "monitor": run_monitor,
    "weighing": run_weighing,
}
"""Name of the workflow -> the function, whose first argument is the application."""

CLOCKED: Mapping[str, Callable[..., Document]] = {
    MONITOR: run_scheduled_monitor,
    RETRAIN: run_scheduled_retrain,
    DIGEST: run_scheduled_digest,
}
"""Name of the workflow that the clock starts -> the function, called with the application, the model and the tick."""
