"""`token create` and `token revoke`."""

import click

from driftgate.service.cli.shared import json_option, running, settings, show

ROLES = ("viewer", "predictor", "trainer", "approver", "admin")


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
    show({"name": name, "role": role, "token": clear}, as_json, lambda d: [d["token"]])


@token.command()
@click.argument("name")
def revoke(name: str) -> None:
    """End a token at once."""
    with running(settings()) as parts:
        parts.tokens.revoke(name)
    click.echo(f"Token {name} is revoked.", err=True)


COMMANDS = (token,)
