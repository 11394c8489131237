"""The pieces of long work, each a function from ports and plain arguments to a document.

The worker runs them as durable workflows over checkpointed ports, a lone command in its own process over plain ones.
"""

from collections.abc import Callable, Mapping
from typing import Any

from driftgate.lifecycle.errors import DriftgateError, Unavailable
from driftgate.lifecycle.flows import challenging, promoting
from driftgate.lifecycle.flows.challenging import ChallengeRequest
from driftgate.lifecycle.flows.monitoring import DriftRequest, measure_drift
from driftgate.lifecycle.flows.retraining import retrain
from driftgate.lifecycle.flows.simulating import SimulationRequest, simulate
from driftgate.lifecycle.ledger import Action, Promotion
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.versions import RetrainRequest
from driftgate.service import documents
from driftgate.service.application import Application
from driftgate.service.documents import Document


def run_retrain(app: Application, request: RetrainRequest) -> Document:
    """A new candidate."""
    return documents.retrained(retrain(request, app.trainer, app.examiner, app.registry))


def run_gate(app: Application, model: str, number: int, policy: Policy) -> Document:
    """The judgement of a version as it would be now; nothing is decided."""
    champion = app.ledger.champion(model)
    against = None if champion == number else champion
    judgement = promoting.judged(promoting.gather(model, number, against, app.desk), policy)
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
        current = promoting.fail(promotion_id, f"unexpected {type(error).__name__}: {error}", app.ledger)
        if current.decided:
            raise
    return documents.promotion(current, app.ledger.champion(current.model))


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


WORK: Mapping[str, Callable[..., Any]] = {
    "retrain": run_retrain,
    "gate": run_gate,
    "promotion": run_promotion,
    "challenge": run_challenge,
    "drift": run_drift,
    "simulation": run_simulation,
}
"""Name of the workflow -> the function, whose first argument is the application."""
