"""`score`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from driftgate.service.cli.shared import GivenOption, json_option, model_option, running, settings, show

CHUNK = 5000


@click.command()
@click.argument("source", required=False, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The .csv or .parquet file that is written.")
@click.option("--query", cls=GivenOption, help="In place of SOURCE: a SQL query, asked of the database of --url.")
@click.option("--url", cls=GivenOption, help="The database of --query, best as env:NAME.")
@click.option("--entity", cls=GivenOption, help="The column that says who a row is about; by default the champion's entity column.")
@click.option("--id", "id_column", cls=GivenOption, help="The column whose value a row's prediction is logged under.")
@click.option("--chunk", type=click.IntRange(min=1, max=1_000_000), default=CHUNK, show_default=True, help="Rows at a time.")
@model_option
@json_option
def score(
    *,
    source: Path | None,
    out: Path,
    query: str | None,
    url: str | None,
    entity: str | None,
    id_column: str | None,
    chunk: int,
    model: str | None,
    as_json: bool,
) -> int:
    """Score the rows of a CSV or Parquet file, or of a query, through the arms that serve, and log them like any other."""
    from driftgate.lifecycle.plan import Source
    from driftgate.service import scoring
    from driftgate.service.bootstrap import arrangements
    from driftgate.service.scoring_rows import Roles

    if (source is None) == (query is None) or (query is None) != (url is None):
        raise click.UsageError("give either SOURCE, or --query and --url")
    found = settings()
    name = found.model(model)
    rows = Source(url=url, query=query) if source is None else found.plan(name, source).source
    with running(found) as parts:
        lineup = scoring.lineup(name, arrangements(found)[name], parts.app.ledger, parts.registry)
        batch = scoring.Batch(name, rows, found.project, out, Roles(entity, id_column), chunk)
        with _progress() as advance:
            document = scoring.score(batch, lineup, parts.payloads, advance)
    show(document, as_json, _score_lines)
    return 1 if document["rejected"] else 0


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """Rows so far and rows a second, on stderr, for people."""
    if not sys.stderr.isatty():
        yield lambda _rows: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed} rows"), TaskProgressColumn(show_speed=True), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("scoring", total=None)
        yield lambda rows: bar.advance(task, rows)


def _score_lines(document: dict[str, Any]) -> list[str]:
    rate = document["scored"] / document["seconds"] if document["seconds"] else 0.0
    arms = ", ".join(f"{arm} {count}" for arm, count in document["arms"].items())
    speed = f"{document['seconds']:.1f} s, {rate:,.0f} a second"
    lines = [f"{document['scored']} of {document['rows']} rows scored ({arms or 'none'}) in {speed}: {document['out']}"]
    if document["rejected"]:
        lines.append(f"{document['rejected']} rows could not be scored, each with its reason in {document['rejected_out']}")
    if document["unshipped"]:
        lines.append(f"logged in the outbox, and waiting there: {document['unshipped']}")
    return lines


COMMANDS = (score,)
