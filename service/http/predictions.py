"""The route that predicts."""

import json
from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool

from driftgate.lifecycle.errors import KeyReused
from driftgate.lifecycle.flows.predicting import Lineup
from driftgate.lifecycle.instances import Instance
from driftgate.lifecycle.payloads import Payload
from driftgate.service.documents import Document
from driftgate.service.http.access import Predictor, Viewer, admitted
from driftgate.service.http.bodies import PredictBody
from driftgate.service.http.parts import Model, Parts, Wired, declared_name
from driftgate.service.http.row_schema import predict_schema
from driftgate.service.tokens import Role

LONG_BODY = 100_000
"""Bytes that are read in a thread."""

router = APIRouter(prefix="/v1/models/{model}", tags=["predictions"])


@router.post("/predict")
async def predict_rows(_: Predictor, model: Model, body: PredictBody, parts: Wired) -> Document:
    """The answers of the arms, each logged durably before it is given."""
    return await predicted(model, body, parts)


async def answered(request: Request, model: str, content: bytes) -> bytes:
    """The JSON that `predict_rows` answers to a request of this body, without FastAPI's solving of parameters: see `FastLane`."""
    await admitted(request, Role.PREDICTOR)
    parts: Parts = request.app.state.parts
    name, content_type = declared_name(model, parts), request.headers.get("content-type", "")
    # What takes long to read must not hold up those who ask about one row.
    long = len(content) > LONG_BODY
    body = await run_in_threadpool(parsed, content, content_type) if long else parsed(content, content_type)
    return to_json(await predicted(name, body, parts), inf_nan_mode="null")


async def predicted(model: str, body: PredictBody, parts: Parts) -> Document:
    """The answers to the instances, in their order."""
    instances = [Instance(row.features, row.entity_id, row.prediction_id) for row in body.instances]
    return {"predictions": [answer(payload) for payload in await logged(parts, model, instances)]}


def parsed(body: bytes, content_type: str) -> PredictBody:
    """The body of a prediction. Raises RequestValidationError."""
    if content_type.partition(";")[0].strip().lower() not in ("application/json", ""):
        raise RequestValidationError([{"type": "model_attributes_type", "loc": ("body",), "msg": "", "input": None}])
    try:
        return PredictBody.model_validate_json(body)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            return _parsed_slowly(body)
        raise _malformed(error) from error


def _parsed_slowly(body: bytes) -> PredictBody:
    """The body as Python's own parser reads it, which says where JSON breaks and lets half characters through to be named."""
    try:
        content = json.loads(body) if body else None
    except ValueError as error:
        unreadable = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else "a number has too many digits"
        place, reason = (error.pos, error.msg) if isinstance(error, json.JSONDecodeError) else (0, unreadable)
        raise RequestValidationError([{"type": "json_invalid", "loc": ("body", place), "ctx": {"error": reason}}]) from error
    except RecursionError as error:
        raise RequestValidationError([{"type": "json_invalid", "loc": ("body", 0), "ctx": {"error": "nested too deeply"}}]) from error
    try:
        return PredictBody.model_validate(content)
    except ValidationError as error:
        raise _malformed(error) from error


def _malformed(error: ValidationError) -> RequestValidationError:
    return RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()])


async def logged(parts: Parts, model: str, instances: Sequence[Instance], lineup: Lineup | None = None) -> Sequence[Payload]:
    """The logged payloads of the instances. Raises KeyReused where an id belongs to another model's prediction."""
    payloads = await parts.front.predict(model, instances, lineup)
    for position, payload in enumerate(payloads):
        if payload.model != model:
            where = f"instances[{position}].prediction_id"
            raise KeyReused(f"{where} {payload.prediction_id} was given to another model's prediction: choose another", field=where)
    return payloads


def answer(payload: Payload) -> Document:
    """What the caller is told of a payload."""
    probabilities = payload.output.probabilities
    return {
        "prediction_id": payload.prediction_id,
        "entity_id": payload.entity_id,
        "arm": payload.arm.value,
        "version": payload.version,
        "prediction": payload.output.prediction,
        # Binary: of the positive class. Multiclass: of each class, in schema order. Regression and heuristic: null.
        "probability": None if not probabilities else probabilities[1] if len(probabilities) == 2 else list(probabilities),  # noqa: PLR2004
    }


@router.get("/schema")
async def request_schema(_: Viewer, model: Model, parts: Wired) -> JSONResponse:
    """The JSON Schema of a prediction's body, made from the version that serves: names, types, allowed missing values."""
    lineup = parts.follower.lineup(model)
    return JSONResponse(predict_schema(model, lineup.champion.number, lineup.champion.schema, parts.settings.service.max_instances))
