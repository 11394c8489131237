"""Routes that predict and take outcomes."""

import uuid
from datetime import UTC, datetime

from fastapi import APIRouter

from driftgate.lifecycle.errors import InvalidRequest
from driftgate.lifecycle.flows.predicting import predict
from driftgate.lifecycle.instances import Instance, as_text
from driftgate.lifecycle.payloads import Outcome, Payload
from driftgate.service.documents import Document
from driftgate.service.http.access import Predictor
from driftgate.service.http.bodies import OutcomesBody, PredictBody
from driftgate.service.http.parts import Model, Wired

router = APIRouter(prefix="/v1/models/{model}", tags=["predictions"])


@router.post("/predict")
def predict_rows(model: Model, body: PredictBody, parts: Wired, _: Predictor) -> Document:
    """The champion's answers, each logged durably before it is given."""
    served = parts.follower.champion(model)
    instances = [Instance(dict(row.features), row.entity_id, row.prediction_id) for row in body.instances]
    payloads = predict(instances, served, parts.payloads, lambda: datetime.now(UTC), lambda: str(uuid.uuid4()))
    return {"predictions": [_answer(payload) for payload in payloads]}


def _answer(payload: Payload) -> Document:
    probabilities = payload.output.probabilities
    return {
        "prediction_id": payload.prediction_id,
        "entity_id": payload.entity_id,
        "arm": payload.arm.value,
        "version": payload.version,
        "prediction": payload.output.prediction,
        # Binary: of the positive class. Multiclass: of each class, in schema order. Regression: null.
        "probability": None if not probabilities else probabilities[1] if len(probabilities) == 2 else list(probabilities),  # noqa: PLR2004
    }


@router.post("/outcomes")
def record_outcomes(model: Model, body: OutcomesBody, parts: Wired, _: Predictor) -> Document:
    """Late truths, recorded once each; `recorded` counts the new ones."""
    outcomes = []
    for position, row in enumerate(body.outcomes):
        where = f"outcomes[{position}]"
        if row.prediction_id is None and row.entity_id is None:
            raise InvalidRequest(f"{where} needs a prediction_id or an entity_id", field=where)
        if row.observed_at.tzinfo is None:
            raise InvalidRequest(f"{where}.observed_at needs a time zone, such as a trailing Z", field=f"{where}.observed_at")
        value = float(row.value) if isinstance(row.value, float) else as_text(row.value) or ""
        outcomes.append(Outcome(model, value, row.observed_at.astimezone(UTC), row.prediction_id, row.entity_id))
    return {"received": len(outcomes), "recorded": parts.payloads.record(outcomes)}
