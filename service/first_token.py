"""The first token: printed once, to whoever starts a service that has none."""

import os
import stat
import sys

import click

from driftgate.lifecycle.errors import StoreUnavailable
from driftgate.service.database import connect, upgrade
from driftgate.service.settings import Settings
from driftgate.service.tokens import FIRST_NAME, Tokens

HOW = "driftgate token create NAME --role admin"


def tell_first_token(settings: Settings, *, pipes: bool = False) -> None:
    """Makes a token of role admin and prints it on standard output, where tokens are asked for and there never was one.

    Only where a person reads: on a terminal, and, where `pipes`, to the program that started this one. What goes to a file, a socket
    or nowhere would be kept in clear, or lost: there nothing is made, and a line says how to make one. Where the database does not
    answer, nothing is made either.
    """
    if settings.service.auth == "none":
        return
    engine = connect(settings.storage.database)
    try:
        upgrade(engine)
        tokens = Tokens(engine)
        clear = tokens.create_first() if _somebody_reads(pipes=pipes) else None
        missing = clear is None and not tokens.any_made()
    except StoreUnavailable as error:
        click.echo(f"whether there is a token cannot be seen: {error.message}", err=True)
        return
    finally:
        engine.dispose()
    if missing:
        click.echo(f"there is no token yet, so nobody can call this service: `{HOW}` makes one", err=True)
    if clear is not None:
        click.echo(f"first token, of role admin, named {FIRST_NAME}; it is shown this once:\n{clear}")
        sys.stdout.flush()


def _somebody_reads(*, pipes: bool) -> bool:
    try:
        mode = os.fstat(sys.stdout.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return sys.stdout.isatty() or (pipes and stat.S_ISFIFO(mode))
