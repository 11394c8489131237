"""Routes of the policy: what is in force, and what puts the proposal of driftgate.toml in its place."""

from fastapi import APIRouter

from driftgate.service import policies
from driftgate.service.documents import Document
from driftgate.service.http.access import Trainer, Viewer
from driftgate.service.http.bodies import PolicyBody
from driftgate.service.http.parts import Model, Wired
from driftgate.service.settings import load
from driftgate.service.tokens import Role

router = APIRouter(prefix="/v1/models/{model}", tags=["decisions"])


@router.get("/policy")
def policy(_: Viewer, model: Model, parts: Wired) -> Document:
    """The policy in force, and what the service's driftgate.toml would change of it; where that cannot be read, why."""
    proposal = parts.proposals.of(model)
    return policies.standing(model, proposal.policy, parts.app.ledger, proposal.problem)


@router.post("/policy")
def apply(actor: Trainer, model: Model, body: PolicyBody, parts: Wired) -> Document:
    """The proposal of the service's driftgate.toml, put in force. Loosening a limit needs the role approver."""
    may_loosen = actor.role >= Role.APPROVER
    # The file as it is now: it may have been edited since the service started.
    proposed = load(parts.settings.project).policy(model)
    return policies.applied(model, proposed, actor.name, body.comment, parts.app.ledger, may_loosen=may_loosen)
