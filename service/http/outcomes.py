"""The route that takes late truths."""

import sys
from datetime import UTC

from fastapi import APIRouter

from driftgate.lifecycle.errors import InvalidRequest
from driftgate.lifecycle.instances import as_text
from driftgate.lifecycle.payloads import Outcome
from driftgate.lifecycle.plan import Scalar
from driftgate.lifecycle.schema import Schema, Task
from driftgate.service.documents import Document
from driftgate.service.http.access import Predictor
from driftgate.service.http.bodies import OutcomesBody
from driftgate.service.http.parts import Model, Wired

router = APIRouter(prefix="/v1/models/{model}", tags=["outcomes"])


@router.post("/outcomes")
def record_outcomes(_: Predictor, model: Model, body: OutcomesBody, parts: Wired) -> Document:
    """Late truths, recorded once each; `recorded` counts what was new, `corrected` what of it changed a known truth."""
    outcomes = []
    schema = parts.follower.schema(model)
    for position, row in enumerate(body.outcomes):
        where = f"outcomes[{position}]"
        if row.prediction_id is None and row.entity_id is None:
            raise InvalidRequest(f"{where} needs a prediction_id or an entity_id", field=where)
        if row.observed_at.tzinfo is None:
            raise InvalidRequest(f"{where}.observed_at needs a time zone, such as a trailing Z", field=f"{where}.observed_at")
        outcomes.append(Outcome(model, _truth(row.value, where, schema), row.observed_at.astimezone(UTC), row.prediction_id, row.entity_id))
    recorded = parts.payloads.record(outcomes)
    return {"received": len(outcomes), "recorded": recorded.new + recorded.corrected, "corrected": recorded.corrected}


def _truth(value: Scalar, where: str, schema: Schema | None) -> str | float:
    """A number where the model predicts numbers, else the label as it reads in training data. Without a champion the value decides."""
    if schema is None or schema.task is not Task.REGRESSION:
        return value if schema is None and isinstance(value, float) else as_text(value) or ""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > sys.float_info.max:
        raise InvalidRequest(f"{where}.value must be a number, as the model predicts one, not {str(value)[:40]!r}", field=f"{where}.value")
    return float(value)
