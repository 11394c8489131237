"""Routes that retrain, judge and decide. Work is queued; the answer is an id to ask about."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Header

from driftgate.lifecycle import rollouts
from driftgate.lifecycle.errors import Forbidden, KeyReused, PromotionNotFound
from driftgate.lifecycle.flows import approving, challenging, promoting, rolling_out
from driftgate.lifecycle.flows.promoting import PromotionRequest
from driftgate.lifecycle.ledger import Action, Promotion
from driftgate.lifecycle.policy import Standard
from driftgate.service import asking, documents
from driftgate.service.documents import Document
from driftgate.service.http.access import Approver, Trainer, Viewer
from driftgate.service.http.bodies import ApprovalBody, ChallengeBody, DriftBody, PromotionBody, RetrainBody, RollbackBody
from driftgate.service.http.parts import Model, Named, Parts, VersionNumber, Wired
from driftgate.service.tokens import Role

router = APIRouter(prefix="/v1/models/{model}", tags=["decisions"])
jobs_router = APIRouter(prefix="/v1/jobs", tags=["decisions"])

IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=200)]


@router.post("/retrain", status_code=202)
def retrain(actor: Trainer, model: Model, body: RetrainBody, parts: Wired) -> Document:
    """A retrain, queued."""
    data = asking.file_below(parts.settings.project, body.data) if body.data else None
    request = asking.retraining(parts.settings, model, actor.name, reason=body.reason, search=body.search, data=data)
    return {"job_id": parts.jobs.enqueue("retrain", request.key, request)}


@router.post("/versions/{version}/gates", status_code=202)
def gate(_: Trainer, model: Model, version: VersionNumber, parts: Wired) -> Document:
    """A judgement that decides nothing, queued."""
    parts.app.registry.version(model, version)
    return {"job_id": parts.jobs.enqueue("gate", f"gate-{uuid.uuid4()}", model, version, parts.settings.policy(model))}


@router.post("/versions/{version}/simulation", status_code=202)
def simulate(_: Trainer, model: Model, version: VersionNumber, parts: Wired) -> Document:
    """A degradation simulation, queued."""
    parts.app.registry.version(model, version)
    request = asking.simulation(model, version)
    return {"job_id": parts.jobs.enqueue("simulation", request.key, request)}


@router.post("/drift", status_code=202)
def drift(_: Trainer, model: Model, body: DriftBody, parts: Wired) -> Document:
    """A drift report over logged payloads, queued."""
    version = body.version or asking.champion(parts.app.ledger, model)
    parts.app.registry.version(model, version)
    request = asking.drifting(model, version, asking.window_of(body.since), html=True)
    return {"job_id": parts.jobs.enqueue("drift", request.key, request)}


@jobs_router.get("/{job_id}")
def job(_: Viewer, job_id: Named, parts: Wired) -> Document:
    """A job as it stands: `queued`, `running`, `done` with its result, or `failed` with the reason."""
    return documents.job(parts.jobs.find(job_id))


@router.post("/challenger", status_code=202)
def challenge(actor: Approver, model: Model, body: ChallengeBody, parts: Wired) -> Document:
    """A challenge, queued to be judged; or the end of the present one, which holds at once."""
    wish = asking.challenge(model, body.version, actor.name, shadow_only=body.shadow_only, comment=body.comment)
    if wish.version is None:
        challenging.withdraw(wish, parts.app.ledger)
    else:
        parts.app.registry.version(model, wish.version)
        challenging.check(wish, parts.app.ledger)
    return {"job_id": parts.jobs.enqueue("challenge", wish.id, wish, parts.settings.policy(model))}


@router.post("/promotions", status_code=202)
def promote(actor: Trainer, model: Model, body: PromotionBody, parts: Wired, idempotency_key: IdempotencyKey = None) -> Document:
    """A promotion, recorded and queued. 409 where the champion is not the expected one."""
    if body.break_glass and actor.role < Role.ADMIN:
        raise Forbidden(f"{actor.name} is a {actor.role.name.lower()}; a promotion that skips the gates needs the role admin")
    parts.app.registry.version(model, body.version)
    wish = PromotionRequest(
        id=_promotion_id(model, idempotency_key),
        model=model,
        version=body.version,
        expected_champion=body.expected_champion,
        actor=actor.name,
        comment=body.comment,
        standard=None if body.standard is None else Standard(body.standard),
        break_glass=body.break_glass,
    )
    return _queued(promoting.request(wish, parts.app.ledger), parts)


@router.post("/rollback", status_code=202)
def roll_back(actor: Approver, model: Model, body: RollbackBody, parts: Wired, idempotency_key: IdempotencyKey = None) -> Document:
    """A rollback, recorded and queued."""
    promotion_id = _promotion_id(model, idempotency_key)
    first = _rolled_back_before(promotion_id, body, parts)
    if first is not None:
        return _queued(first, parts)
    target = promoting.rollback_target(model, body.to, parts.app.ledger)
    serving = parts.app.ledger.champion(model)
    wish = PromotionRequest(promotion_id, model, target, serving, actor.name, Action.ROLLBACK, body.comment)
    return _queued(promoting.request(wish, parts.app.ledger), parts)


def _rolled_back_before(promotion_id: str, body: RollbackBody, parts: Parts) -> Promotion | None:
    # Once it is done, the same wish would name another target; what the repeated key means is what it meant first.
    try:
        first = promoting.found(promotion_id, parts.app.ledger)
    except PromotionNotFound:
        return None
    if first.action is not Action.ROLLBACK or body.to not in (None, first.version) or body.comment != first.comment:
        raise KeyReused(f"promotion {promotion_id} was requested before with another content: use a new idempotency key")
    return first


def _promotion_id(model: str, key: str | None) -> str:
    return str(uuid.uuid4() if key is None else uuid.uuid5(uuid.NAMESPACE_URL, f"driftgate:{model}:{key}"))


def _queued(promotion: Promotion, parts: Parts) -> Document:
    parts.jobs.promote(promotion, parts.settings.policy(promotion.model))
    return {"promotion_id": promotion.id, "state": promotion.state.value}


@router.get("/promotions")
def promotions(_: Viewer, model: Model, parts: Wired) -> Document:
    """Every promotion and rollback of the model, newest first."""
    champion = parts.app.ledger.champion(model)
    return {"promotions": [documents.promotion(each, champion) for each in promoting.promotions(model, parts.app.ledger)]}


@router.get("/promotions/{promotion_id}")
def promotion(_: Viewer, model: Model, promotion_id: Named, parts: Wired) -> Document:
    """One promotion, with every gate and its reasons, and the stages of its roll-out."""
    return _shown(asking.promotion_of(model, promotion_id, parts.app.ledger), parts)


def _shown(found: Promotion, parts: Parts) -> Document:
    rolled = rollouts.rollout(found.id, parts.app.ledger) if found.stages else None
    return documents.promotion(found, parts.app.ledger.champion(found.model), rolled)


@router.post("/promotions/{promotion_id}/stop")
def stop(actor: Approver, model: Model, promotion_id: Named, body: ApprovalBody, parts: Wired) -> Document:
    """The promotion, its roll-out ended: all traffic is the champion's again."""
    asking.promotion_of(model, promotion_id, parts.app.ledger)
    return _shown(rolling_out.stop(promotion_id, actor.name, body.comment, parts.app.ledger), parts)


@router.post("/promotions/{promotion_id}/approve", status_code=202)
def approve(actor: Approver, model: Model, promotion_id: Named, body: ApprovalBody, parts: Wired) -> Document:
    """The promotion, approved and queued to be carried out."""
    asking.promotion_of(model, promotion_id, parts.app.ledger)
    return _queued(approving.approve(promotion_id, actor.name, body.comment, parts.app.ledger), parts)


@router.post("/promotions/{promotion_id}/reject")
def reject(actor: Approver, model: Model, promotion_id: Named, body: ApprovalBody, parts: Wired) -> Document:
    """The promotion, rejected."""
    asking.promotion_of(model, promotion_id, parts.app.ledger)
    rejected = approving.reject(promotion_id, actor.name, body.comment, parts.app.ledger)
    return documents.promotion(rejected, parts.app.ledger.champion(model))
