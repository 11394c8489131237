"""`report-volume`."""

from typing import Any

import click

from driftgate.service.cli.shared import json_option, model_option, number, settings, show, table

LOOKBACK = "30m"
MIN_COUNT = 5


@click.command("report-volume")
@click.option("--lookback", help=f"The window up to now: 30m, 12h, 7d ...  [default: {LOOKBACK}]")
@click.option("--min-count", type=click.IntRange(min=0), help=f"Send where there are at least so many predictions.  [default: {MIN_COUNT}]")
@click.option("--digest", is_flag=True, help="Instead the last whole day (UTC), sent whatever its count, to each channel once.")
@click.option("--dry-run", is_flag=True, help="Print the report and send nothing.")
@model_option
@json_option
def report_volume(lookback: str | None, min_count: int | None, digest: bool, dry_run: bool, model: str | None, as_json: bool) -> int:
    """Count the predictions of a window, and send the report to the channels of [alerts]."""
    from datetime import UTC, datetime

    from driftgate.service import asking, volume
    from driftgate.service.database import connect, upgrade

    if digest and (lookback is not None or min_count is not None):
        raise click.UsageError("--digest is about the last whole day and is always sent: give it without --lookback and --min-count")
    window = volume.yesterday(datetime.now(UTC)) if digest else asking.window_of(lookback or LOOKBACK)
    found = settings()
    least = 0 if digest else (MIN_COUNT if min_count is None else min_count)
    engine = connect(found.storage.database)
    try:
        upgrade(engine)
        document = volume.report(volume.Wish(found.model(model), window, least, daily=digest, dry=dry_run), found, engine)
    finally:
        engine.dispose()
    show(document, as_json, lambda shown: [*_report_lines(shown), *_sending_lines(shown, least, dry_run)])
    return 0 if all(channel["delivered"] for channel in document["channels"]) else 1


def _report_lines(document: dict[str, Any]) -> list[str]:
    rows = [
        [part["arm"], str(part["version"] or "-"), str(part["count"]), number(part["mean_prediction"]), _labels(part) or "-"]
        for part in (*document["arms"], {**document, "arm": "all", "version": None})
    ]
    return [
        f"Predictions of {document['model']} from {document['start']} to {document['end']}:",
        *table([["arm", "version", "count", "mean", "labels"], *rows]),
    ]


def _labels(numbers: dict[str, Any]) -> str:
    return ", ".join(f"{label} {count}" for label, count in numbers["labels"].items())


def _sending_lines(document: dict[str, Any], least: int, dry: bool) -> list[str]:
    if dry:
        return ["Not sent: this was a dry run."]
    if document["count"] < least:
        return [f"Not sent: fewer than {least} predictions."]
    told = [
        f"sent to {each['channel']}" if each["delivered"] else f"NOT sent to {each['channel']}: {each['problem']}"
        for each in document["channels"]
    ]
    return told or ["Not sent: every channel had this day's digest before."]


COMMANDS = (report_volume,)
