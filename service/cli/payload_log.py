"""`payloads load`, `payloads expire`, `payloads forget` and `outcomes load`."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from driftgate.service.cli.shared import GivenOption, json_option, model_option, running, settings, show

if TYPE_CHECKING:
    from driftgate.service.bootstrap import Running
    from driftgate.service.bulk_makers import Told
    from driftgate.service.bulk_rows import BadRow
    from driftgate.service.settings import Settings

file_argument = click.argument("file", type=click.Path(path_type=Path))
prediction_option = click.option("--prediction-id", cls=GivenOption, help="The column of the prediction's id; by default prediction_id.")
entity_option = click.option("--entity", cls=GivenOption, help="The column that says who a row is about; by default entity_id.")
zone_option = click.option("--timezone", default="UTC", show_default=True, help="The zone of times that name none, as in Europe/Zurich.")
skip_option = click.option("--skip-bad", is_flag=True, help="Leave out rows that cannot be taken, instead of taking none.")


@click.group()
def outcomes() -> None:
    """Truths that arrive later."""


@outcomes.command("load")
@file_argument
@prediction_option
@entity_option
@click.option("--value", cls=GivenOption, help="The column of the truth; by default value.")
@click.option("--observed-at", cls=GivenOption, help="The column of when it was observed; by default observed_at.")
@zone_option
@skip_option
@model_option
@json_option
def load_outcomes(file: Path, timezone: str, skip_bad: bool, model: str | None, as_json: bool, **columns: str | None) -> None:
    """Record the outcomes of a CSV or Parquet file. Loading a file again changes nothing."""
    from driftgate.service import bulk_loading
    from driftgate.service.bulk_makers import Told, outcome_maker
    from driftgate.service.bulk_rows import BulkFile

    found = settings()
    name = found.model(model)
    rows, table = BulkFile(file, _zone(timezone)), found.models[name]
    with running(found) as parts:
        schema = _schema(parts, name, None)
        asked = Told(columns, target=table.target, entity=table.entity)
        make = outcome_maker(name, rows, asked, table.task if schema is None else schema.task)
        with _progress("checking") as advance:
            checked = bulk_loading.checked(rows, make, skip_bad=skip_bad, progress=advance)
        with _progress("recording", checked.good + checked.bad) as advance:
            recorded = bulk_loading.record(rows, make, parts.payloads, advance)
    document = {
        "model": name, "file": str(file), "rows": checked.good + checked.bad, "recorded": recorded.new + recorded.corrected,
        "corrected": recorded.corrected, "repeated": recorded.repeated, "skipped": checked.bad, "faults": _faults(checked.faults),
    }  # fmt: skip
    show(document, as_json, _outcome_lines)


def _outcome_lines(document: dict[str, Any]) -> list[str]:
    told = f"{document['recorded']} outcomes recorded ({document['corrected']} of them corrections), {document['repeated']} known before"
    return [f"{document['rows']} rows of {document['file']}: {told}.", *_fault_lines(document)]


@click.group()
def payloads() -> None:
    """The log of predictions."""


@payloads.command("load")
@file_argument
@prediction_option
@entity_option
@click.option("--event-time", cls=GivenOption, help="The column of when the prediction was asked for; by default event_time.")
@click.option("--prediction", cls=GivenOption, help="The column of the answer; by default prediction.")
@click.option("--probability", multiple=True, help="A column of probabilities: the positive class's, or once per class in order.")
@click.option("--version-column", cls=GivenOption, help="The column of the version that answered; by default version.")
@click.option("--version", type=click.IntRange(min=1), help="The version of rows that name none; by default the champion.")
@click.option("--drop", multiple=True, help="A column that is no feature.")
@zone_option
@skip_option
@model_option
@json_option
def load_payloads(file: Path, timezone: str, skip_bad: bool, model: str | None, as_json: bool, **told: Any) -> None:
    """Log the predictions of a model that is served elsewhere, so that it can be monitored. Loading a file again changes nothing."""
    from driftgate.payloads.sql_log import SqlLog
    from driftgate.service import bulk_loading
    from driftgate.service.bulk_makers import doubts, payload_maker
    from driftgate.service.bulk_rows import BulkFile

    found = settings()
    name = found.model(model)
    rows, table = BulkFile(file, _zone(timezone)), found.models[name]
    with running(found) as parts:
        asked = _told(parts, found, name, told)
        schema = _schema(parts, name, asked.version)
        make = payload_maker(name, rows, asked, schema, table.task if schema is None else schema.task)
        with _progress("checking") as advance:
            checked = bulk_loading.checked(rows, make, skip_bad=skip_bad, progress=advance)
        warnings = doubts(make)
        with _progress("loading", checked.good + checked.bad) as advance:
            loaded = bulk_loading.append(rows, make, parts.payloads, SqlLog(parts.engine), advance)
    if make.columns["version"] is None and asked.version is None:
        warnings.append("no version is named and none serves, so that these payloads belong to none: name one with --version")
    document = {
        "model": name, "file": str(file), "rows": checked.good + checked.bad, "loaded": loaded.new, "known": loaded.known,
        "skipped": checked.bad, "faults": _faults(checked.faults), "warnings": warnings, "unshipped": loaded.unshipped,
    }  # fmt: skip
    show(document, as_json, _load_lines)


def _load_lines(document: dict[str, Any]) -> list[str]:
    lines = [f"{document['rows']} rows of {document['file']}: {document['loaded']} payloads logged, {document['known']} known before."]
    lines += [f"  warning: {warning}" for warning in document["warnings"]]
    if document["unshipped"]:
        lines.append(f"logged in the outbox, and waiting there: {document['unshipped']}")
    return lines + _fault_lines(document)


@payloads.command("expire")
@click.option("--dry-run", is_flag=True, help="Count what would be deleted, and delete nothing.")
@model_option
@json_option
def expire(dry_run: bool, model: str | None, as_json: bool) -> None:
    """Delete payloads and their outcomes that are older than their model keeps them."""
    from driftgate.service.erasing import expire_old

    found = settings()
    keeping = {name: found.models[name].payloads.keep_days for name in ([found.model(model)] if model else found.models)}
    with running(found) as parts:
        expired = {name: expire_old(parts, name, days, dry_run=dry_run) for name, days in keeping.items() if days is not None}
    document = {
        "dry_run": dry_run,
        "models": [
            {
                "model": name, "keep_days": days, "before": expired[name].before.isoformat() if name in expired else None,
                "payloads": expired[name].payloads if name in expired else 0,
                "outcomes": expired[name].outcomes if name in expired else 0,
                "parts": expired[name].parts if name in expired else 0,
            }
            for name, days in keeping.items()
        ],
    }  # fmt: skip
    show(document, as_json, _expired_lines)


def _expired_lines(document: dict[str, Any]) -> list[str]:
    verb = "would go" if document["dry_run"] else "deleted"
    return [
        f"{m['model']}: keeps payloads for ever (payloads.keep_days is not set)"
        if m["keep_days"] is None
        else f"{m['model']}: {m['payloads']} payloads, {m['outcomes']} outcomes, {m['parts']} parts from before {m['before'][:16]} {verb}"
        for m in document["models"]
    ]


@payloads.command("forget")
@click.argument("entity")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@model_option
@json_option
def forget(entity: str, yes: bool, model: str | None, as_json: bool) -> None:
    """Delete everything that is logged about an entity, of every model or of one. It does not come back."""
    from driftgate.service.erasing import forget_entity

    found = settings()
    names = [found.model(model)] if model else list(found.models)
    if not yes:
        click.confirm(f"Delete all payloads and outcomes of {entity} ({', '.join(names)})?", abort=True, err=True)
    with running(found) as parts, _progress("reading", unit="parts") as advance:
        forgotten = forget_entity(parts, names, entity, advance)
    document = {
        "entity_id": entity,
        "models": [
            {
                "model": name, "payloads": gone.payloads, "outcomes": gone.outcomes, "objects": gone.objects, "parts": gone.parts,
                "outbox": gone.outbox,
            }
            for name, gone in forgotten.items()
        ],
    }  # fmt: skip
    show(document, as_json, _forgotten_lines)


def _forgotten_lines(document: dict[str, Any]) -> list[str]:
    return [
        f"{m['model']}: {m['payloads']} payloads and {m['outcomes']} outcomes in SQL, {m['objects']} payloads in {m['parts']} parts, "
        f"{m['outbox']} entries of this host's outbox are gone"
        for m in document["models"]
    ]


def _told(parts: "Running", found: "Settings", model: str, told: dict[str, Any]) -> "Told":
    from driftgate.service.bulk_makers import Told

    table = found.models[model]
    columns = {role: told[role] for role in ("prediction_id", "entity", "event_time", "prediction")}
    version = told["version"] or parts.app.ledger.champion(model)
    columns["version"] = told["version_column"]
    return Told(columns, told["probability"], told["drop"], version, table.target, table.entity, table.time, table.drop)


def _schema(parts: "Running", model: str, version: int | None) -> Any:
    """The schema of that version, or of the newest where it is not bound; None where there is none at all."""
    from driftgate.registry.binding import Bindings

    bound = {found.number: found.schema for found in Bindings(parts.engine).versions(model)}
    return bound.get(version or 0, bound[max(bound)] if bound else None)


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise click.UsageError(f"there is no time zone {name}: name one as in UTC or Europe/Zurich") from error


def _faults(faults: "Sequence[BadRow]") -> list[dict[str, Any]]:
    return [{"row": fault.row, "column": fault.column, "message": fault.message} for fault in faults]


def _fault_lines(document: dict[str, Any]) -> list[str]:
    if not document["skipped"]:
        return []
    told = [f"  row {fault['row']}: {fault['message']}" for fault in document["faults"]]
    more = document["skipped"] - len(told)
    return [f"{document['skipped']} rows were left out:", *told, *([f"  and {more} more"] if more else [])]


@contextmanager
def _progress(doing: str, total: int | None = None, unit: str = "rows") -> Iterator[Callable[[int], None]]:
    """What is done, on stderr, for people."""
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(f"{doing} {{task.completed:,.0f}} {unit}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda done: bar.advance(task, done)


COMMANDS = (payloads, outcomes)
