"""Decisions of a command without a service: recorded, then carried out here or by a living worker."""

from driftgate.lifecycle.flows import approving, promoting
from driftgate.lifecycle.flows.promoting import PromotionRequest
from driftgate.lifecycle.ledger import Promotion
from driftgate.lifecycle.policy import Policy
from driftgate.service import asking
from driftgate.service.bootstrap import Running
from driftgate.service.dispatch import alone, deliver, through_worker
from driftgate.service.documents import Document
from driftgate.service.work import run_promotion


def carry_out(parts: Running, wish: PromotionRequest) -> Document:
    """The wish, recorded and taken as far as it goes."""
    policy = parts.app.settings.policy(wish.model)
    if parts.roster.alive():
        return through_worker(parts.jobs, parts.jobs.promote(promoting.request(wish, parts.app.ledger), policy))
    document = alone(parts.app, lambda: _here(parts, promoting.request(wish, parts.app.ledger), policy))
    if wish.break_glass:
        deliver(parts.app)
    return document


def carry_on(parts: Running, model: str, promotion_id: str, actor: str, comment: str) -> Document:
    """The promotion, approved and carried out."""
    asking.promotion_of(model, promotion_id, parts.app.ledger)
    approved = approving.approve(promotion_id, actor, comment, parts.app.ledger)
    policy = parts.app.settings.policy(model)
    if parts.roster.alive():
        return through_worker(parts.jobs, parts.jobs.promote(approved, policy))
    return alone(parts.app, lambda: _here(parts, approved, policy))


def _here(parts: Running, promotion: Promotion, policy: Policy) -> Document:
    return run_promotion(parts.app, promotion.id, policy)
