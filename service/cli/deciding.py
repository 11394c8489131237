"""`gate`, `promote`, `rollback`, `approve`, `reject` and `challenge`."""

import uuid
from typing import TYPE_CHECKING, Any

import click

from driftgate.service.cli import self_testing
from driftgate.service.cli.shared import actor, gate_lines, json_option, model_option, remote, running, settings, show, verdict_mark

if TYPE_CHECKING:
    from driftgate.service.bootstrap import Running

NOBODY = 0
"""`--expect 0` says: I expect that nothing serves yet."""


@click.command()
@click.argument("version", type=click.IntRange(min=1), required=False)
@click.option("--self-test", is_flag=True, help="In place of a VERSION, judge known-bad candidates that are made from the project's data.")
@model_option
@json_option
def gate(version: int | None, self_test: bool, model: str | None, as_json: bool) -> None:
    """Gather the evidence on a version and judge it. Decides nothing. Exit 1 where a gate blocks."""
    if (version is None) != self_test:
        raise click.UsageError("name a VERSION, or say --self-test")
    if version is None:
        self_testing.run(model, as_json)
        return
    from driftgate.service.dispatch import dispatch

    found = settings()
    name = found.model(model)
    service = remote(found)
    if service is not None:
        document = service.job(f"/v1/models/{name}/versions/{version}/gates", None)
    else:
        with running(found) as parts:
            _say_unapplied(parts, name)
            document = dispatch(parts.app, parts.roster, parts.jobs, "gate", f"gate-{uuid.uuid4()}", name, version, found.policy(name))
    show(document, as_json, _gate_lines)
    if document["verdict"] != "pass":
        click.get_current_context().exit(1)


def _say_unapplied(parts: "Running", name: str) -> None:
    from driftgate.service.policies import unapplied

    told = unapplied(name, parts.app.settings.policy(name), parts.app.ledger)
    if told is not None:
        click.echo(f"note: {told}", err=True)


def _gate_lines(document: dict[str, Any]) -> list[str]:
    against = f" against champion {document['champion']}" if document["champion"] else ""
    return [f"Version {document['version']}{against}: {verdict_mark(document['verdict'])}", *gate_lines(document["gates"])]


@click.command()
@click.argument("version", type=click.IntRange(min=1))
@click.option("--expect", type=click.IntRange(min=0), help="Only if this version is the champion (0: none). By default: whoever it is now.")
@click.option("--comment", default="", help="Why; kept in the ledger.")
@click.option("--standard", type=click.Choice(["superior", "non_inferior"]), help="What it must show against the champion, this once.")
@click.option("--break-glass", is_flag=True, help="Without any gate or approval: takes an admin and a --comment, and is told to everybody.")
@model_option
@json_option
def promote(
    version: int, expect: int | None, comment: str, standard: str | None, break_glass: bool, model: str | None, as_json: bool
) -> None:
    """Make a version the champion, if every gate lets it. Exit 1 where it is refused."""
    if break_glass and not comment.strip():
        raise click.UsageError("--break-glass needs a reason: give it as --comment")
    from driftgate.lifecycle.flows.promoting import PromotionRequest
    from driftgate.lifecycle.policy import Standard
    from driftgate.service.carrying import carry_out

    found = settings()
    name = found.model(model)
    service = remote(found)
    if service is not None:
        expected = service.champion(name) if expect is None else expect or None
        document = service.promote(name, version, expected, comment, standard, by_force=break_glass)
    else:
        with running(found) as parts:
            _say_unapplied(parts, name)
            expected = parts.app.ledger.champion(name) if expect is None else expect or None
            parts.app.registry.version(name, version)
            asked = Standard(standard) if standard else None
            wish = PromotionRequest(
                str(uuid.uuid4()), name, version, expected, actor(), comment=comment, standard=asked, break_glass=break_glass
            )
            document = carry_out(parts, wish)
    _finish(document, as_json)


@click.command()
@click.option("--to", type=click.IntRange(min=1), help="The earlier champion to go back to; by default the one before this.")
@click.option("--comment", default="", help="Why; kept in the ledger.")
@model_option
@json_option
def rollback(to: int | None, comment: str, model: str | None, as_json: bool) -> None:
    """Go back to an earlier champion, at once."""
    from driftgate.lifecycle.flows import promoting
    from driftgate.lifecycle.ledger import Action
    from driftgate.service.carrying import carry_out

    found = settings()
    name = found.model(model)
    service = remote(found)
    if service is not None:
        document = service.roll_back(name, to, comment)
    else:
        with running(found) as parts:
            target = promoting.rollback_target(name, to, parts.app.ledger)
            serving = parts.app.ledger.champion(name)
            wish = promoting.PromotionRequest(str(uuid.uuid4()), name, target, serving, actor(), Action.ROLLBACK, comment)
            document = carry_out(parts, wish)
    _finish(document, as_json)


@click.command()
@click.argument("promotion_id")
@click.option("--comment", default="", help="Why; kept in the ledger.")
@model_option
@json_option
def approve(promotion_id: str, comment: str, model: str | None, as_json: bool) -> None:
    """Approve a promotion that awaits it, and carry it out. Not your own."""
    from driftgate.service.carrying import carry_on

    found = settings()
    name = found.model(model)
    service = remote(found)
    if service is not None:
        document = service.answer(name, promotion_id, "approve", comment)
    else:
        with running(found) as parts:
            document = carry_on(parts, name, promotion_id, actor(), comment)
    _finish(document, as_json)


@click.command()
@click.argument("promotion_id")
@click.option("--comment", default="", help="Why; kept in the ledger.")
@model_option
@json_option
def reject(promotion_id: str, comment: str, model: str | None, as_json: bool) -> None:
    """Reject a promotion that awaits approval."""
    from driftgate.lifecycle.flows import approving
    from driftgate.service import asking, documents

    found = settings()
    name = found.model(model)
    service = remote(found)
    if service is not None:
        document = service.answer(name, promotion_id, "reject", comment)
    else:
        with running(found) as parts:
            ledger = parts.app.ledger
            asking.promotion_of(name, promotion_id, ledger)
            document = documents.promotion(approving.reject(promotion_id, actor(), comment, ledger), ledger.champion(name))
    show(document, as_json, _promotion_lines)


@click.command()
@click.argument("version", type=click.IntRange(min=1), required=False)
@click.option("--shadow-only", is_flag=True, help="It may score beside the champion and answers nobody; only its digests are checked.")
@click.option("--stop", is_flag=True, help="End the present challenge, at once, in place of naming a version.")
@click.option("--comment", default="", help="Why; kept in the ledger.")
@model_option
@json_option
def challenge(version: int | None, shadow_only: bool, stop: bool, comment: str, model: str | None, as_json: bool) -> None:
    """Let a version challenge the champion, if the gates let it. Exit 1 where it is refused."""
    if (version is None) != stop:
        raise click.UsageError("name a VERSION, or say --stop")
    from driftgate.lifecycle.flows import challenging
    from driftgate.service import asking
    from driftgate.service.dispatch import dispatch

    found = settings()
    name = found.model(model)
    wish = asking.challenge(name, version, actor(), shadow_only=shadow_only, comment=comment)
    service = remote(found)
    if service is not None:
        body = {"version": version, "shadow_only": shadow_only, "comment": comment}
        document = service.job(f"/v1/models/{name}/challenger", body)
    else:
        with running(found) as parts:
            if version is None:
                challenging.withdraw(wish, parts.app.ledger)
            else:
                parts.app.registry.version(name, version)
                challenging.check(wish, parts.app.ledger)
            document = dispatch(parts.app, parts.roster, parts.jobs, "challenge", wish.id, wish, found.policy(name))
    show(document, as_json, _challenge_lines)
    if document["state"] == "refused":
        click.get_current_context().exit(1)


def _challenge_lines(document: dict[str, Any]) -> list[str]:
    if document["state"] == "withdrawn":
        return ["The challenge is over."]
    head = f"Challenge by version {document['version']}: {verdict_mark(document['state'])}"
    reasons = [f"  {reason}" for reason in document["reasons"]]
    lines = [head, *gate_lines(document["gates"]), *reasons]
    live = document["share"] and not document["shadow_only"]
    if document["state"] == "challenging" and not live and not document["shadow"]:
        lines.append(f"It gets no traffic yet: set models.{document['model']}.arms.challenger or arms.shadow in driftgate.toml.")
    return lines


def _finish(document: dict[str, Any], as_json: bool) -> None:
    show(document, as_json, _promotion_lines)
    if document["state"] not in {"promoted", "awaiting_approval", "rolling_out"}:
        click.get_current_context().exit(1)


def _promotion_lines(document: dict[str, Any]) -> list[str]:
    words = {"promote": "Promotion of", "rollback": "Rollback to"}
    head = f"{words[document['action']]} version {document['version']}: {verdict_mark(document['state'])}"
    reasons = [] if document["gates"] else [f"  {reason}" for reason in document["reasons"]]
    if document["state"] == "failed":
        reasons = [f"  {reason}" for reason in document["reasons"]]
    if document["break_glass"]:
        reasons.append(f"  No gate was asked, because: {document['comment']}")
    if document["rollout"] and document["state"] == "rolling_out":
        share = document["rollout"]["share"]
        reasons.append(f"  It answers {share:.0%} of the entities now; a worker carries it on, or driftgate rollout advance.")
    tail = f"Champion: {document['champion'] or 'none'}   (promotion {document['promotion_id']})"
    return [head, *gate_lines(document["gates"]), *reasons, tail]


COMMANDS = (gate, promote, rollback, approve, reject, challenge)
