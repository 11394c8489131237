"""`token create`, `token list` and `token revoke`."""

from typing import Any

import click

from driftgate.service.cli.shared import json_option, running, settings, show, table

ROLES = ("viewer", "predictor", "trainer", "approver", "admin")
INSTANTS = ("created", "expires", "revoked", "last_used")


@click.group()
def token() -> None:
    """API tokens."""


@token.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What it may do; each role may do what those before it may.")
@click.option("--days", type=click.IntRange(min=1), help="After how many days it expires; by default never.")
@json_option
def create(name: str, role: str, days: int | None, as_json: bool) -> None:
    """Make a token and print it, this once."""
    from driftgate.service.tokens import Role

    with running(settings()) as parts:
        clear = parts.tokens.create(name, Role[role.upper()], days)
        expires = parts.tokens.holder(clear)[1]
    told = {"name": name, "role": role, "token": clear, "expires": None if expires is None else expires.isoformat()}
    show(told, as_json, lambda d: [d["token"]])


@token.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Show every token: its role, its life, and when it was used last. None in clear: only hashes are kept."""
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    with running(settings()) as parts:
        found = parts.tokens.listed()
    rows = [{"name": each.name, "role": each.role.name.lower(), "state": each.state(now), **_instants(each)} for each in found]
    show({"tokens": rows}, as_json, _lines)


def _instants(known: Any) -> dict[str, str | None]:
    found = {name: getattr(known, name) for name in INSTANTS}
    return {name: None if at is None else at.isoformat() for name, at in found.items()}


def _lines(document: dict[str, Any]) -> list[str]:
    heading = ("name", "role", "state", "created", "expires", "last used")
    rows = [
        (each["name"], each["role"], each["state"], *(_minute(each[key]) for key in ("created", "expires", "last_used")))
        for each in document["tokens"]
    ]
    return table([heading, *rows]) if rows else ["No token yet: driftgate token create NAME --role ROLE"]


def _minute(instant: str | None) -> str:
    return "never" if instant is None else instant[:16].replace("T", " ")


@token.command()
@click.argument("name")
@json_option
def revoke(name: str, as_json: bool) -> None:
    """End a token, and the sessions that it opened."""
    with running(settings()) as parts:
        revoked = parts.tokens.revoke(name)
    show({"name": name, "revoked": revoked.isoformat()}, as_json, lambda d: [f"Token {d['name']} is revoked."])


COMMANDS = (token,)
