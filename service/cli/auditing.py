"""`audit verify` and `audit export`."""

import json
from pathlib import Path
from typing import Any

import click

from driftgate.service.cli.shared import json_option, running, settings, show


@click.group()
def audit() -> None:
    """The ledger: check its hash chain and its anchors, or export it."""


@audit.command()
@json_option
def verify(as_json: bool) -> None:
    """Walk the hash chain and compare it with its anchors; exit 1 naming what was changed, removed, moved, cut off or computed anew."""
    with running(settings()) as parts:
        document = parts.app.anchors.audit()
    show(document, as_json, _lines)
    if document["problems"]:
        click.get_current_context().exit(1)


def _lines(document: dict[str, Any]) -> list[str]:
    state = "chain unbroken" if not document["problems"] else click.style("NOT as it was written", fg="red", bold=True)
    return [
        f"{document['events']} events, {state}, head {document['head'] or '-'}",
        *(f"  {problem}" for problem in document["problems"]),
        *(f"  {_place(each)}" for each in document["anchors"]),
    ]


def _place(checked: dict[str, Any]) -> str:
    if not checked["anchors"]:
        return f"{checked['place']}: no anchors"
    lag = f"{checked['behind']} rows behind" if checked["behind"] else "up to date"
    return f"{checked['place']}: {checked['anchors']} anchors, the last one of row {checked['last']}, {lag}"


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
