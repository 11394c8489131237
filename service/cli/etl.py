"""`etl sql` and `etl dynamodb`."""

import sys
from typing import TYPE_CHECKING, Any

import click

from driftgate.service.cli.shared import Command, GivenOption, json_option, model_option, settings, show

if TYPE_CHECKING:
    from driftgate.payloads.etl.athena import Query
    from driftgate.payloads.etl.found import Loaded
    from driftgate.service.etl import Load

LAYOUTS = ("parts", "json")


@click.group()
def etl() -> None:
    """Object store to SQL or DynamoDB, for teams that log to the store only."""


def _source_options(command: Command) -> Command:
    for option in (
        json_option,
        model_option,
        click.option("--workers", type=click.IntRange(1, 256), default=16, show_default=True, help="Objects that are read at once."),
        click.option("--full", is_flag=True, help="Read everything that is there, not only what is new."),
        click.option("--layout", type=click.Choice(LAYOUTS), default="parts", show_default=True, help="Parts, or a JSON file per payload."),
        click.option("--source", cls=GivenOption, help="s3://bucket/prefix or a folder; by default storage.objects."),
    ):
        command = option(command)
    return command


@etl.command("sql")
@_source_options
@click.option(
    "--discover", type=click.Choice(("listing", "athena")), help="By default the manifests of what was shipped, where there are any."
)
@click.option("--athena-database", cls=GivenOption, help="For --discover athena: the database of the table.")
@click.option("--athena-table", cls=GivenOption, help="The table that lies over the parts.")
@click.option("--athena-output", cls=GivenOption, help="s3://bucket/prefix for Athena's results, where the workgroup names none.")
@click.option("--athena-workgroup", cls=GivenOption, help="The workgroup that the query runs in.")
def sql(discover: str | None, as_json: bool, **options: Any) -> None:
    """Load payloads from the object store into the SQL database: what is new, or everything with --full."""
    from driftgate.service.etl import progress_on_stderr, to_sql

    athena = _athena(discover, options)
    found = settings()
    asked = _asked(found, options, listing=discover == "listing", athena=athena)
    with progress_on_stderr(shown=sys.stderr.isatty()) as tell:
        loaded = to_sql(found, asked, tell)
    _end(loaded, as_json)


@etl.command("dynamodb")
@_source_options
@click.option("--table", required=True, help="The table; its only key is prediction_id, text.")
@click.option("--endpoint", cls=GivenOption, help="Of a server that speaks DynamoDB's protocol; by default AWS.")
@click.option("--create-table", is_flag=True, help="Make the table where there is none, paid by request.")
def dynamodb(table: str, endpoint: str | None, create_table: bool, as_json: bool, **options: Any) -> None:
    """Load payloads from the object store into a DynamoDB table: what is new, or everything with --full."""
    from driftgate.service.etl import progress_on_stderr, to_dynamodb

    found = settings()
    asked = _asked(found, options)
    with progress_on_stderr(shown=sys.stderr.isatty()) as tell:
        loaded = to_dynamodb(found, asked, table, endpoint, tell, create=create_table)
    _end(loaded, as_json)


def _asked(found: Any, options: dict[str, Any], *, listing: bool = False, athena: "Query | None" = None) -> "Load":
    from driftgate.payloads.etl.found import Layout
    from driftgate.service.etl import Load

    model = None if options["model"] is None else found.model(options["model"])
    layout = Layout(options["layout"])
    return Load(options["source"], layout, model, options["full"], listing=listing, athena=athena, workers=options["workers"])


def _athena(discover: str | None, options: dict[str, Any]) -> "Query | None":
    given = {name: options[f"athena_{name}"] for name in ("database", "table", "output", "workgroup")}
    if discover != "athena":
        if any(given.values()):
            raise click.UsageError("--athena-... options need --discover athena")
        return None
    if given["database"] is None or given["table"] is None:
        raise click.UsageError("--discover athena needs --athena-database and --athena-table")
    if options["layout"] != "parts":
        raise click.UsageError("--discover athena knows parts only: use --discover listing for --layout json")
    from driftgate.payloads.etl.athena import Query

    return Query(**given)


def _end(loaded: "Loaded", as_json: bool) -> None:
    document = {
        "objects": loaded.objects,
        "payloads": loaded.payloads,
        "new": loaded.new,
        "skipped": loaded.skipped,
        "seconds": round(loaded.seconds, 3),
        "problems": [{"key": problem.key, "why": problem.why} for problem in loaded.problems],
    }
    show(document, as_json, _lines)
    if loaded.skipped:
        click.get_current_context().exit(1)


def _lines(document: dict[str, Any]) -> list[str]:
    objects, payloads, new = (f"{document[name]:,}" for name in ("objects", "payloads", "new"))
    lines = [f"{objects} objects with {payloads} payloads, {new} of them new, in {document['seconds']:.1f} s"]
    lines += [f"  {click.style('skipped', fg='yellow')} {problem['key']}: {problem['why']}" for problem in document["problems"]]
    hidden = document["skipped"] - len(document["problems"])
    return [*lines, f"  and {hidden} more"] if hidden else lines


COMMANDS = (etl,)
