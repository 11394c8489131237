"""Routes that predict and take outcomes."""

import sys
import uuid
from datetime import UTC, datetime

from fastapi import APIRouter

from driftgate.lifecycle.errors import InvalidRequest, KeyReused
from driftgate.lifecycle.flows.predicting import predict
from driftgate.lifecycle.instances import Instance, as_text
from driftgate.lifecycle.payloads import Outcome, Payload
from driftgate.lifecycle.plan import Scalar
from driftgate.lifecycle.schema import Schema, Task
from driftgate.service.documents import Document
from driftgate.service.http.access import Predictor
from driftgate.service.http.bodies import OutcomesBody, PredictBody
from driftgate.service.http.parts import Model, Wired

router = APIRouter(prefix="/v1/models/{model}", tags=["predictions"])


@router.post("/predict")
def predict_rows(_: Predictor, model: Model, body: PredictBody, parts: Wired) -> Document:
    """The champion's answers, each logged durably before it is given."""
    served = parts.follower.champion(model)
    instances = [Instance(dict(row.features), row.entity_id, row.prediction_id) for row in body.instances]
    payloads = predict(instances, served, parts.payloads, lambda: datetime.now(UTC), lambda: str(uuid.uuid4()))
    for position, payload in enumerate(payloads):
        if payload.model != model:
            where = f"instances[{position}].prediction_id"
            raise KeyReused(f"{where} {payload.prediction_id} was given to another model's prediction: choose another", field=where)
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
def record_outcomes(_: Predictor, model: Model, body: OutcomesBody, parts: Wired) -> Document:
    """Late truths, recorded once each; `recorded` counts the new ones."""
    outcomes = []
    schema = parts.follower.schema(model)
    for position, row in enumerate(body.outcomes):
        where = f"outcomes[{position}]"
        if row.prediction_id is None and row.entity_id is None:
            raise InvalidRequest(f"{where} needs a prediction_id or an entity_id", field=where)
        if row.observed_at.tzinfo is None:
            raise InvalidRequest(f"{where}.observed_at needs a time zone, such as a trailing Z", field=f"{where}.observed_at")
        outcomes.append(Outcome(model, _truth(row.value, where, schema), row.observed_at.astimezone(UTC), row.prediction_id, row.entity_id))
    return {"received": len(outcomes), "recorded": parts.payloads.record(outcomes)}


def _truth(value: Scalar, where: str, schema: Schema | None) -> str | float:
    """A number where the model predicts numbers, else the label as it reads in training data. Without a champion the value decides."""
    if schema is None or schema.task is not Task.REGRESSION:
        return value if schema is None and isinstance(value, float) else as_text(value) or ""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > sys.float_info.max:
        raise InvalidRequest(f"{where}.value must be a number, as the model predicts one, not {str(value)[:40]!r}", field=f"{where}.value")
    return float(value)
