"""Forms that a browser sends: their fields, read before it is asked who sends them."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from driftgate.lifecycle.errors import InvalidRequest
from driftgate.service.http.access import admitted
from driftgate.service.tokens import Actor, Role

MEDIA = "application/x-www-form-urlencoded"
MOST_FIELDS = 20


async def fields_of(request: Request) -> Mapping[str, str]:
    """The fields of a form, each named once. Raises InvalidRequest."""
    body = await request.body()
    if body and request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA:
        raise InvalidRequest(f"this takes a form, sent as {MEDIA}")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise InvalidRequest("the form cannot be read: it is not UTF-8, or has too many fields") from error
    if len(dict(pairs)) != len(pairs):
        raise InvalidRequest("the form names a field twice")
    return dict(pairs)


Fields = Annotated[Mapping[str, str], Depends(fields_of)]


def sends(role: Role) -> Callable[..., Coroutine[Any, Any, Actor]]:
    """The dependency that answers who sends the form, once they may: its field `form_token` proves that a page of ours made it."""

    async def actor(request: Request, fields: Fields) -> Actor:
        request.state.form_token = fields.get("form_token", "")
        return await admitted(request, role)

    actor.__dict__["role"] = role
    return actor
