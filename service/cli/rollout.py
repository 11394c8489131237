"""`rollout`: where the roll-out of a version stands, a look of its guards now, and its end."""

from typing import Any

import click

from driftgate.service.cli.shared import actor, gate_lines, json_option, model_option, remote, running, settings, show, verdict_mark


@click.group()
def rollout() -> None:
    """Promotions under way in stages (policy rollout_stages)."""


@rollout.command()
@model_option
@json_option
def status(model: str | None, as_json: bool) -> None:
    """The roll-out under way, or the last one, stage by stage."""
    from driftgate.lifecycle import rollouts
    from driftgate.lifecycle.flows import promoting
    from driftgate.service import documents

    found = settings()
    name = found.model(model)
    service = remote(found)
    if service is not None:
        listed = service.get(f"/v1/models/{name}/promotions")["promotions"]
        last = next((each["promotion_id"] for each in listed if each["stages"]), None)
        document = {} if last is None else service.get(f"/v1/models/{name}/promotions/{last}")
    else:
        with running(found) as parts:
            ledger = parts.app.ledger
            rolled = (rollouts.rollout(each.id, ledger) for each in promoting.promotions(name, ledger) if each.stages)
            shown = next((each for each in rolled if each is not None), None)
            document = {} if shown is None else documents.promotion(shown.promotion, ledger.champion(name), shown)
    show(document, as_json, _status_lines)


def _status_lines(document: dict[str, Any]) -> list[str]:
    if not document or not document["rollout"]:
        return ["Nothing was rolled out in stages yet: set rollout_stages in the model's gates."]
    found = document["rollout"]
    lines = [f"Roll-out of version {document['version']}: {verdict_mark(document['state'])}   (promotion {document['promotion_id']})"]
    for each in found["reached"]:
        lines.append(f"  {each['at'][:19]}  {each['share']:.0%}")
        lines += [f"  {line}" for line in gate_lines(each["gates"])]
    if found["ended"]:
        lines += [f"  {found['ended']['at'][:19]}  ended by {found['ended']['actor']}: {found['ended']['reason']}"]
    if found["warm_until"]:
        lines.append(f"  version {document['previous_champion']} is kept ready to take over again until {found['warm_until'][:19]}")
    return lines


@rollout.command()
@click.argument("promotion_id", required=False)
@click.option("--comment", default="", help="Why; kept in the ledger.")
@model_option
@json_option
def stop(promotion_id: str | None, comment: str, model: str | None, as_json: bool) -> None:
    """End the roll-out under way: all traffic goes to the champion, within a second."""
    from driftgate.lifecycle import rollouts
    from driftgate.lifecycle.errors import WrongState
    from driftgate.lifecycle.flows import rolling_out
    from driftgate.service import asking, documents

    found = settings()
    name = found.model(model)
    service = remote(found)
    if service is not None:
        listed = service.get(f"/v1/models/{name}/promotions")["promotions"]
        wanted = promotion_id or next((each["promotion_id"] for each in listed if each["state"] == "rolling_out"), None)
        if wanted is None:
            raise WrongState(f"no version of {name} is being rolled out: there is nothing to stop")
        document = service.post(f"/v1/models/{name}/promotions/{wanted}/stop", {"comment": comment})
    else:
        with running(found) as parts:
            ledger = parts.app.ledger
            wanted = promotion_id or next((each.id for each in rolling_out.running(name, ledger)), None)
            if wanted is None:
                raise WrongState(f"no version of {name} is being rolled out: there is nothing to stop")
            asking.promotion_of(name, wanted, ledger)
            stopped = rolling_out.stop(wanted, actor(), comment, ledger)
            document = documents.promotion(stopped, ledger.champion(name), rollouts.rollout(wanted, ledger))
    show(document, as_json, _status_lines)


@rollout.command()
@model_option
@json_option
def advance(model: str | None, as_json: bool) -> None:
    """One look of the guards now: on to the next stage, wait, or stop. A worker does this by itself. Exit 1 where it was stopped."""
    from driftgate.service import documents
    from driftgate.service.dispatch import deliver

    found = settings()
    name = found.model(model)
    if remote(found) is not None:
        raise click.UsageError("a service has a worker, which looks every few seconds: see driftgate rollout status")
    with running(found) as parts:
        looks = parts.app.rollouts.tend(name, thorough=True)
        document = documents.looked(name, looks, parts.app.ledger.serving(name))
        if not parts.roster.alive():
            deliver(parts.app)
    show(document, as_json, _look_lines)
    if any(each["came"] in {"stopped", "rolled_back"} for each in document["looks"]):
        click.get_current_context().exit(1)


def _look_lines(document: dict[str, Any]) -> list[str]:
    if not document["looks"]:
        return ["Nothing is being rolled out, or watched after it."]
    lines = []
    for each in document["looks"]:
        lines.append(f"Version {each['version']}: {verdict_mark(each['came'])} at {each['rollout']['share']:.0%}")
        lines += [*gate_lines(each["gates"]), *(f"  {reason}" for reason in each["reasons"])]
    return lines


COMMANDS = (rollout,)
