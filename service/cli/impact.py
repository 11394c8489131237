"""`impact`."""

from pathlib import Path
from typing import Any

import click

from driftgate.service.cli.shared import json_option, model_option, number, running, settings, show, table, verdict_mark

SINCE = "30d"


@click.command()
@click.option("--since", default=SINCE, show_default=True, help="The window up to now: 90d, 12w ...; its matured part is judged.")
@click.option(
    "--plots", type=click.Path(file_okay=False, path_type=Path), help="Also draw impact and challenger over time into this folder."
)
@model_option
@json_option
def impact(since: str, plots: Path | None, model: str | None, as_json: bool) -> None:
    """Tell what the model's arm brought against the heuristic's, and how the challenger stands."""
    from driftgate.service import asking
    from driftgate.service import impact as reporting

    found = settings()
    name, window = found.model(model), asking.window_of(since)
    with running(found) as parts:
        parts.payloads.ship()
        books = reporting.Books(found, parts.payloads, parts.app.ledger, lambda *which: parts.app.registry.version(*which).schema)
        seen = reporting.look(name, window, window.end, books)
    document = reporting.document(seen)
    if plots is not None:
        from driftgate.reports.impact.plots import draw

        document["plots"] = [str(plots / file) for file in draw(seen.measured, seen.duels, plots)]
    show(document, as_json, _lines)


def _lines(document: dict[str, Any]) -> list[str]:
    judged = document["judged"]
    span = f"matured from {judged['start']} to {judged['end']}" if judged else "nothing has matured"
    said = [f"  {finding['name']:<10} {verdict_mark(finding['verdict'])}" + _reasons(finding) for finding in document["findings"]]
    return [
        f"{document['model']}, version {document['version']}, {span}:",
        *said,
        *(_over_time(document) if document["periods"] else []),
        *(_by_version(document["versions"]) if len(document["versions"]) > 1 else []),
        *_challenger_lines(document["challenger"]),
        *(f"  problem: {problem}" for problem in document["problems"]),
        f"Designed chance of any false alarm: {document['level']:.0%}",
        *(f"Drawn: {path}" for path in document.get("plots", ())),
    ]


def _reasons(found: dict[str, Any]) -> str:
    return "".join(f"\n    {reason}" for reason in found["reasons"])


def _over_time(document: dict[str, Any]) -> list[str]:
    heading = ["period", "model", "heuristic", "difference", f"{document['confidence']:.0%} interval", "saved so far", "value so far"]
    rows = [
        [each["period"], *_numbers(each), _point(each["so_far"]["entities_saved"]), _point(each["so_far"]["value"])]
        for each in document["periods"]
    ]
    return table([heading, *rows])


def _by_version(versions: list[dict[str, Any]]) -> list[str]:
    return table(
        [["version", "model", "heuristic", "difference", "interval"], *([str(each["version"]), *_numbers(each)] for each in versions)]
    )


def _numbers(found: dict[str, Any]) -> list[str]:
    arms = [f"{number(found[name]['rate'])} ({found[name]['entities']})" for name in ("model_arm", "heuristic_arm")]
    return [*arms, _point(found["difference"]), _interval(found["difference"])]


def _point(estimate: dict[str, Any] | None) -> str:
    return number(None if estimate is None else estimate["estimate"])


def _interval(estimate: dict[str, Any] | None) -> str:
    return "-" if estimate is None or estimate["lower"] is None else f"{number(estimate['lower'])} to {number(estimate['upper'])}"


def _challenger_lines(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    if not found["duels"]:
        return [f"Challenger {found['version']} since {found['since']}: no matured outcome of both yet"]
    duels = [f"  {duel['measure']} ({duel['pairing']}): {duel['standing']}{_reasons(duel)}" for duel in found["duels"]]
    return [f"Challenger {found['version']} since {found['since']}:", *duels]


COMMANDS = (impact,)
