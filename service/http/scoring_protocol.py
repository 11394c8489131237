"""Routes of MLflow's scoring protocol, so that what calls `mlflow models serve` can call Driftgate instead."""

from collections.abc import Sequence
from functools import cache, partial
from http import HTTPStatus
from importlib.metadata import version

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from driftgate.lifecycle.errors import DriftgateError, Forbidden, ModelNotFound
from driftgate.lifecycle.flows.predicting import Lineup
from driftgate.lifecycle.schema import Column
from driftgate.service.http.access import Predictor
from driftgate.service.http.invocations import UnsupportedMedia, instances_of, predictions_of
from driftgate.service.http.parts import Model, Parts, Wired
from driftgate.service.http.predictions import logged
from driftgate.service.http.problems import ProblemResponse, problem, status_of

router = APIRouter(tags=["MLflow's scoring protocol"])

LARGE_BYTES = 100_000
"""A body of this size takes milliseconds to read, which other requests need not wait for."""

CODES = {
    HTTPStatus.NOT_FOUND: "RESOURCE_DOES_NOT_EXIST",
    HTTPStatus.CONFLICT: "RESOURCE_CONFLICT",
    HTTPStatus.SERVICE_UNAVAILABLE: "TEMPORARILY_UNAVAILABLE",
    HTTPStatus.INTERNAL_SERVER_ERROR: "INTERNAL_ERROR",
}
"""MLflow's names of what a status says; every other one is a bad request."""


@router.post("/v1/models/{model}/invocations")
async def invoke(_: Predictor, model: Model, request: Request, parts: Wired) -> Response:
    """The answers of the arms in MLflow's form, each logged durably before it is given."""
    return await _answered(model, request, parts)


@router.post("/invocations")
async def invoke_the_only_model(_: Predictor, request: Request, parts: Wired) -> Response:
    """The same for the one model that is declared."""
    return await _answered(None, request, parts)


@router.get("/ping")
@router.get("/health")
async def ping(parts: Wired) -> Response:
    """200 while a champion is loaded for every declared model, else 503."""
    ready = all(parts.follower.serving(model) is not None for model in parts.settings.models)
    return Response("\n", 200 if ready else 503, media_type="application/json")


@router.get("/version")
async def mlflow_version() -> Response:
    """The version of MLflow whose protocol this is, as its own server writes it."""
    return Response(_mlflow(), media_type="application/json")


async def _answered(model: str | None, request: Request, parts: Parts) -> Response:
    try:
        name = model or _only_model(parts)
        lineup = parts.follower.lineup(name)
        body, schema = await request.body(), lineup.champion.schema
        read = partial(instances_of, request.headers.get("content-type", ""), body, schema, _others(lineup))
        instances = await run_in_threadpool(read) if len(body) > LARGE_BYTES else read()
        return JSONResponse(predictions_of(await logged(parts, name, instances, lineup), schema))
    except Forbidden:
        raise
    except DriftgateError as error:
        return _refusal(error)


def _only_model(parts: Parts) -> str:
    names = list(parts.settings.models)
    if len(names) > 1:
        raise ModelNotFound(f"several models are declared: post to /v1/models/NAME/invocations, NAME being one of {', '.join(names)}")
    return names[0]


def _others(lineup: Lineup) -> Sequence[Column]:
    return () if lineup.challenger is None else lineup.challenger.schema.columns


def _refusal(error: DriftgateError) -> ProblemResponse:
    """A problem document with the two members that MLflow's clients read."""
    status = 415 if isinstance(error, UnsupportedMedia) else status_of(type(error))
    code = CODES.get(HTTPStatus(status), "BAD_REQUEST")
    return problem(status, type(error).__name__, error.message, field=error.field, error_code=code, message=error.message)


@cache
def _mlflow() -> str:
    return version("mlflow")
