"""`policy show`, `policy diff` and `policy apply`."""

import json
from typing import Any

import click

from driftgate.service.cli.shared import actor, json_option, model_option, remote, running, settings, show


@click.group()
def policy() -> None:
    """The limits in force, and what driftgate.toml proposes in their place."""


@policy.command("show")
@model_option
@json_option
def show_policy(model: str | None, as_json: bool) -> None:
    """The policy in force, who applied it and when."""
    show(_standing(model), as_json, _policy_lines)


@policy.command()
@model_option
@json_option
def diff(model: str | None, as_json: bool) -> None:
    """What applying driftgate.toml would change, and what of it loosens one. Exit 1 where there is a difference, or no readable file."""
    document = _standing(model)
    show(document, as_json, _diff_lines)
    if document["changes"] or document["policy"] is None or document["problem"]:
        click.get_current_context().exit(1)


@policy.command()
@click.option("--comment", default="", help="Why; kept in the ledger.")
@model_option
@json_option
def apply(comment: str, model: str | None, as_json: bool) -> None:
    """Put the limits of driftgate.toml in force. Loosening one takes an approver."""
    from driftgate.service import policies
    from driftgate.service.anchoring import anchor_within

    found = settings()
    name = found.model(model)
    service = remote(found)
    if service is not None:
        document = service.post(f"/v1/models/{name}/policy", {"comment": comment})
    else:
        with running(found) as parts:
            # Whoever may run this may write the database too: here the ledger records, and does not hold off.
            document = policies.applied(name, found.policy(name), actor(), comment, parts.app.ledger, may_loosen=True)
            anchor_within(parts.app.anchors)
    show(document, as_json, _applied_lines)


def _standing(model: str | None) -> dict[str, Any]:
    from driftgate.service import policies

    found = settings()
    name = found.model(model)
    service = remote(found)
    if service is not None:
        return service.get(f"/v1/models/{name}/policy")
    with running(found) as parts:
        return policies.standing(name, found.policy(name), parts.app.ledger)


def _policy_lines(document: dict[str, Any]) -> list[str]:
    if document["policy"] is None:
        none = f"No policy of {document['model']} is in force yet: the first decision applies what driftgate.toml proposes."
        return [none, *_problem_lines(document)]
    comment = f": {document['comment']}" if document["comment"] else ""
    lines = [
        f"Policy {document['number']} of {document['model']}, applied {document['applied_at'][:19]} by {document['applied_by']}{comment}"
    ]
    lines += [f"  {name} = {json.dumps(value)}" for name, value in document["policy"].items()]
    if document["changes"]:
        lines.append(f"driftgate.toml proposes other limits ({len(document['changes'])}): driftgate policy diff")
    return [*lines, *_problem_lines(document)]


def _problem_lines(document: dict[str, Any]) -> list[str]:
    return [click.style(document["problem"], fg="yellow")] if document["problem"] else []


def _diff_lines(document: dict[str, Any]) -> list[str]:
    if document["policy"] is None:
        return _policy_lines(document)
    return _problem_lines(document) or _change_lines(document) or ["driftgate.toml proposes what is in force."]


def _change_lines(document: dict[str, Any]) -> list[str]:
    marks = {True: click.style("looser", fg="yellow", bold=True), False: "stricter"}
    return [
        f"  {each['field']}: {json.dumps(each['before'])} -> {json.dumps(each['after'])} ({marks[each['looser']]})"
        for each in document["changes"]
    ]


def _applied_lines(document: dict[str, Any]) -> list[str]:
    if not document["applied"]:
        return ["driftgate.toml proposes what is in force already: nothing was changed."]
    return [f"Policy {document['number']} of {document['model']} is in force.", *_change_lines(document)]


COMMANDS = (policy,)
