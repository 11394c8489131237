"""What is put right between decisions, and told: aliases that somebody moved, promotions that skipped the gates."""

import logging
from datetime import datetime, timedelta

from driftgate.lifecycle.flows import challenging, promoting
from driftgate.lifecycle.ledger import State
from driftgate.service.application import Application
from driftgate.service.work import tell_forced

logger = logging.getLogger(__name__)

REMEMBERED = timedelta(days=1)
"""How long after a promotion without gates it is still made sure that people were told."""


def reconcile(app: Application, model: str, now: datetime) -> None:
    """Puts the model's aliases where the ledger has champion and challenger; whoever moved one by hand is told of, once an hour.

    Serving follows the ledger, so that a moved alias was never served.
    """
    for repaired in (promoting.reconcile(model, app.desk), challenging.reconcile(model, app.ledger, app.registry)):
        if repaired:
            logger.error(repaired)
            app.alerts.tell(f"alias {repaired} {now:%Y-%m-%d %H}", model, f"Driftgate: an alias of {model} was moved by hand", repaired)
    current = next((each for each in promoting.promotions(model, app.ledger) if each.decided), None)
    if current is not None and current.break_glass and current.state is State.PROMOTED and now - current.changed_at < REMEMBERED:
        # Whoever carried it out may have died before telling.
        tell_forced(app, current)
