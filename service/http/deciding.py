"""Pages on which a person decides: each asks once more, and then does what the interface for programs does."""

from typing import Annotated, Literal, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError

from driftgate.lifecycle.errors import InvalidRequest
from driftgate.lifecycle.flows import promoting
from driftgate.service import asking, documents
from driftgate.service.http import decisions
from driftgate.service.http.access import Approver, form_token
from driftgate.service.http.bodies import ApprovalBody, Body, RollbackBody
from driftgate.service.http.forms import Fields, sends
from driftgate.service.http.pages import page
from driftgate.service.http.parts import Model, Named, Wired
from driftgate.service.http.sign_in import SEE_OTHER, seeing
from driftgate.service.tokens import Actor, Role

router = APIRouter(prefix="/models/{model}", include_in_schema=False)

Decider = Annotated[Actor, Depends(sends(Role.APPROVER))]
Checked = TypeVar("Checked", bound=Body)
Answer = Literal["approve", "reject"]


@router.get("/promotions/{promotion_id}/{answer}", response_class=HTMLResponse)
def ask_about_promotion(_: Approver, request: Request, model: Model, promotion_id: Named, answer: Answer, parts: Wired) -> HTMLResponse:
    """Asks whether the promotion shall be approved or rejected, with every gate's reasons."""
    found = asking.promotion_of(model, promotion_id, parts.app.ledger)
    shown = documents.promotion(found, parts.app.ledger.champion(model))
    champion = shown["champion"]
    words = (
        f"version {shown['version']} in place of {'nobody' if champion is None else f'version {champion}'}, asked for by {shown['actor']}"
    )
    title = f"{answer.capitalize()} this promotion"
    return page("decide.html", title=title, model=model, words=words, gates=shown["gates"], hidden={}, form_token=form_token(request))


@router.post("/promotions/{promotion_id}/{answer}", status_code=SEE_OTHER)
def answer_promotion(actor: Decider, model: Model, promotion_id: Named, answer: Answer, fields: Fields, parts: Wired) -> Response:
    """The promotion, approved and queued, or rejected."""
    act = decisions.approve if answer == "approve" else decisions.reject
    act(actor, model, promotion_id, _checked(ApprovalBody, comment=fields.get("comment", "")), parts)
    return seeing("/")


@router.get("/rollback", response_class=HTMLResponse)
def ask_about_rollback(_: Approver, request: Request, model: Model, parts: Wired) -> HTMLResponse:
    """Asks whether the champion before this one shall serve again."""
    target = promoting.rollback_target(model, None, parts.app.ledger)
    words = f"version {target} in place of version {parts.app.ledger.champion(model)}"
    hidden = {"to": target}
    return page("decide.html", title="Roll back", model=model, words=words, gates=[], hidden=hidden, form_token=form_token(request))


@router.post("/rollback", status_code=SEE_OTHER)
def roll_back(actor: Decider, model: Model, fields: Fields, parts: Wired) -> Response:
    """The rollback to the version that the page showed, recorded and queued."""
    to = fields.get("to", "")
    if not to.isascii() or not to.isdigit():
        raise InvalidRequest("the form does not say which version to go back to", field="to")
    decisions.roll_back(actor, model, _checked(RollbackBody, to=int(to), comment=fields.get("comment", "")), parts)
    return seeing("/")


def _checked(body: type[Checked], **given: object) -> Checked:
    try:
        return body.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidRequest(f"{first['loc'][0]}: {first['msg']}", field=str(first["loc"][0])) from error
