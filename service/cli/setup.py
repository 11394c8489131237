"""`init` and `check`."""

from pathlib import Path
from typing import Any

import click

from driftgate.service.cli.shared import json_option, project, show


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path), help="A CSV (any separator, gz) or Parquet file with the target.")
@click.option("--target", required=True, help="The column to predict.")
@click.option("--name", default=None, help="The model's name; by default made from the file's.")
@click.option("--force", is_flag=True, help="Overwrite an existing driftgate.toml.")
@json_option
def init(data: Path, target: str, name: str | None, force: bool, as_json: bool) -> None:
    """Write a commented driftgate.toml from a look at the data."""
    from driftgate.service.initialise import initialise

    result = initialise(project(), data, target, name, force=force)
    document = {"path": str(result.path), "model": result.model, "task": result.task, "warnings": list(result.warnings)}
    show(document, as_json, _init_lines)


def _init_lines(document: dict[str, Any]) -> list[str]:
    warnings = [f"  {click.style('note', fg='yellow')}  {warning}" for warning in document["warnings"]]
    steps = ["Look it over, then: driftgate check && driftgate retrain && driftgate promote 1"]
    return [f"Wrote {document['path']} for a {document['task']} model named {document['model']}.", *warnings, *steps]


@click.command()
@json_option
def check(as_json: bool) -> None:
    """Validate configuration, data and connections, and say what is wrong, key by key."""
    from driftgate.service.checking import check_folder

    items = check_folder(project())
    failed = any(item.status == "error" for item in items)
    document = {"ok": not failed, "items": [{"key": item.key, "status": item.status.value, "message": item.message} for item in items]}
    show(document, as_json, _check_lines)
    if failed:
        click.get_current_context().exit(2)


def _check_lines(document: dict[str, Any]) -> list[str]:
    colours = {"ok": "green", "warn": "yellow", "error": "red"}
    lines = [
        f"  {click.style(item['status'].ljust(5), fg=colours[item['status']])} {item['key']}: {item['message']}"
        for item in document["items"]
    ]
    return [*lines, "Everything is in order." if document["ok"] else "Mend the errors above, then check again."]


COMMANDS = (init, check)
