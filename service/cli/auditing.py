"""`audit verify` and `audit export`."""

import json
from pathlib import Path

import click

from driftgate.service.cli.shared import json_option, running, settings, show


@click.group()
def audit() -> None:
    """The ledger: check its hash chain, or export it."""


@audit.command()
@json_option
def verify(as_json: bool) -> None:
    """Walk the hash chain; exit 1 naming the first row that was changed, removed or moved."""
    from driftgate.lifecycle.ledger import verify as verify_chain

    with running(settings()) as parts:
        events = parts.app.ledger.events()
        count = verify_chain(events)
    head = events[-1].hash if events else None
    show({"events": count, "head": head}, as_json, lambda d: [f"{d['events']} events, chain unbroken, head {d['head'] or '-'}"])


@audit.command()
@click.option("--out", type=click.Path(path_type=Path), help="A file; by default stdout.")
def export(out: Path | None) -> None:
    """Every event as JSON Lines, oldest first."""
    from driftgate.lifecycle.canonical import plain

    with running(settings()) as parts:
        lines = [json.dumps(plain(event), ensure_ascii=False) for event in parts.app.ledger.events()]
    if out is None:
        for line in lines:
            click.echo(line)
    else:
        out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        click.echo(f"{len(lines)} events written to {out}", err=True)


COMMANDS = (audit,)
