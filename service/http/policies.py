"""Routes of the policy: what is in force, and what puts the proposal of driftgate.toml in its place."""

from fastapi import APIRouter

from driftgate.lifecycle.policy import Policy
from driftgate.service import policies
from driftgate.service.documents import Document
from driftgate.service.http.access import Trainer, Viewer
from driftgate.service.http.bodies import PolicyBody
from driftgate.service.http.parts import Model, Parts, Wired
from driftgate.service.settings import load
from driftgate.service.tokens import Role

router = APIRouter(prefix="/v1/models/{model}", tags=["decisions"])


@router.get("/policy")
def policy(_: Viewer, model: Model, parts: Wired) -> Document:
    """The policy in force, and what the service's driftgate.toml would change of it."""
    return policies.standing(model, _proposed(model, parts), parts.app.ledger)


@router.post("/policy")
def apply(actor: Trainer, model: Model, body: PolicyBody, parts: Wired) -> Document:
    """The proposal of the service's driftgate.toml, put in force. Loosening a limit needs the role approver."""
    may_loosen = actor.role >= Role.APPROVER
    return policies.applied(model, _proposed(model, parts), actor.name, body.comment, parts.app.ledger, may_loosen=may_loosen)


def _proposed(model: str, parts: Parts) -> Policy:
    # The file as it is now: it may have been edited since the service started.
    return load(parts.settings.project).policy(model)
