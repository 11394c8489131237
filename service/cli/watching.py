"""`drift`, `monitor` and `status`."""

from pathlib import Path
from typing import Any

import click

from driftgate.service.cli.shared import (
    GivenOption,
    json_option,
    model_option,
    number,
    remote,
    running,
    settings,
    show,
    table,
    verdict_mark,
)


@click.command()
@click.option(
    "--version", cls=GivenOption, type=click.IntRange(min=1), help="Against the snapshot of this version; by default the champion's."
)
@click.option("--current", type=click.Path(path_type=Path), help="A file of rows.")
@click.option("--since", help="Or the logged payloads of the last 7d, 12h, 30m ...")
@click.option("--html/--no-html", default=True, help="Also draw Evidently's page (slower).")
@model_option
@json_option
def drift(version: int | None, current: Path | None, since: str | None, html: bool, model: str | None, as_json: bool) -> None:
    """Measure drift of rows against the snapshot that a version was registered with."""
    from driftgate.service import asking
    from driftgate.service.dispatch import dispatch

    if (current is None) == (since is None):
        raise click.UsageError("give either --current FILE or --since SPAN")
    found = settings()
    name = found.model(model)
    rows = asking.window_of(since) if since else found.plan(name, current).source
    with running(found) as parts:
        number_meant = version or asking.champion(parts.app.ledger, name)
        request = asking.drifting(name, number_meant, rows, html=html)
        if since:
            parts.payloads.ship()
        document = dispatch(parts.app, parts.roster, parts.jobs, "drift", request.key, request)
    show(document, as_json, _drift_lines)


def _drift_lines(document: dict[str, Any]) -> list[str]:
    columns = [*document["columns"], *([document["prediction"]] if document["prediction"] else [])]
    heading = ["column", "method", "score", "limit", "p", "verdict"]
    rows = [[c["name"], c["method"], number(c["score"]), number(c["limit"]), number(c["p_value"], 2), _column_verdict(c)] for c in columns]
    notes = [f"  {c['name']}: {finding}" for c in columns for finding in c["findings"]]
    page = [f"Page: {document['html']} in the version's MLflow run (report {document['report']})"] if document["html"] else []
    drifted = f"{len(document['drifted'])} of {len(columns)} drifted" if columns else "nothing could be measured"
    head = f"{document['rows']} rows against the {document['reference_rows']} of version {document['version']}"
    return [
        f"{head}: {verdict_mark(document['verdict'])}, {drifted}",
        *table([heading, *rows]),
        *notes,
        *(f"  problem: {problem}" for problem in document["problems"]),
        f"Designed chance of any false alarm: {document['level']:.0%}",
        *page,
    ]


def _column_verdict(column: dict[str, Any]) -> str:
    return "DRIFT" if column["drifted"] else {"pass": "-"}.get(column["verdict"], column["verdict"])


@click.command()
@click.option("--since", cls=GivenOption, help="Over the payloads of the last 7d, 12h ...; by default over the model's own window.")
@model_option
@json_option
def monitor(since: str | None, model: str | None, as_json: bool) -> None:
    """Make one monitoring pass now: measure, keep, alert, and consider a retrain."""
    from driftgate.service import asking
    from driftgate.service.dispatch import dispatch

    found = settings()
    name = found.model(model)
    request = asking.monitoring(found, name, since)
    with running(found) as parts:
        # Here and not in the pass: a worker on another host does not see this host's outbox.
        parts.payloads.ship()
        document = dispatch(parts.app, parts.roster, parts.jobs, "monitor", request.key, request)
    show(document, as_json, _pass_lines)


def _pass_lines(document: dict[str, Any]) -> list[str]:
    window = document["window"]
    span = " to ".join(window[end][:16].replace("T", " ") for end in ("start", "end")) + " UTC"
    who = f"version {document['version']}" if document["version"] else "nothing that serves"
    ordered = sorted(document["findings"], key=lambda each: ORDER.index(each["verdict"]))
    heading = ["monitor", "of", "value", "limit", "p", "rows", "verdict"]
    loud = [each for each in ordered if each["verdict"] in ("fail", "undecided")]
    return [
        f"{document['model']}: {document['rows']} payloads of {span}, {who}: {verdict_mark(document['verdict'])}",
        *table([heading, *map(_finding_row, ordered)]),
        *(f"  {each['monitor']}/{each['name']}: {reason}" for each in loud for reason in each["reasons"]),
        *(f"  {each['monitor']}/{each['name']}: {_expected(each['readings'])}" for each in loud if each["readings"]),
        *(f"  problem: {problem}" for problem in document["problems"]),
        *(f"  alarm on since {each['since'][:16].replace('T', ' ')}: {each['subject']}" for each in document["alarms"]),
        *(_trigger_line(each) for each in document["triggers"]),
        *([f"  retrain weighed by a trial refit: job {document['weighing']}"] if document["weighing"] else []),
        f"Designed chance of any false alarm in this pass: {100 * document['level']:.2g}%",
        *([f"Page: {document['html']} of a running service"] if document["html"] else []),
    ]


ORDER = ("fail", "undecided", "pass", "not_applicable")


def _finding_row(found: dict[str, Any]) -> list[str]:
    numbers = (number(found["value"]), number(found["limit"]), number(found["p_value"], 2))
    return [found["monitor"], found["name"], *numbers, str(found["rows"]), "ALARM" if found["verdict"] == "fail" else found["verdict"]]


def _expected(readings: list[dict[str, Any]]) -> str:
    grown = [f"{each['growth']['value']:+.1%} if {each['assumption']}" for each in readings if each["growth"] is not None]
    return f"expected growth of the loss: {', '.join(grown) or 'undecided'}"


def _trigger_line(considered: dict[str, Any]) -> str:
    what = f"retrain started (job {considered['job_id']})" if considered["fired"] else "retrain held back"
    return f"  {what}: {'; '.join(considered['reasons'])}"


@click.command()
@json_option
def status(as_json: bool) -> None:
    """What serves, since when, and what waits."""
    from driftgate.service.standing import standing

    found = settings()
    service = remote(found)
    if service is not None:
        document = service.get("/v1/status")
    else:
        with running(found) as parts:
            document = standing(parts.app)
    show(document, as_json, _status_lines)


def _status_lines(document: dict[str, Any]) -> list[str]:
    rows = [
        [
            m["model"],
            str(m["champion"] or "-"),
            f"{m['challenger'] or '-'}{' (shadow)' if m['shadow_only'] else ''}{_rolled_out(m)}",
            str(m["candidate"] or "-"),
            (m["since"] or "-")[:19],
            "; ".join(m["alarms"]) or "-",
        ]
        for m in document["models"]
    ]
    late = [each for each in document["ledger"]["anchors"] if each["behind"]]
    return [
        *table([["model", "champion", "challenger", "candidate", "since", "alarms"], *rows]),
        *(f"  The ledger is {each['behind']} rows ahead of its anchor in {each['place']}{_because(each['problem'])}." for each in late),
    ]


def _rolled_out(model: dict[str, Any]) -> str:
    return f" (rolled out to {model['rollout']['share']:.0%})" if model["rollout"] else ""


def _because(problem: str | None) -> str:
    return f": {problem}" if problem else ""


COMMANDS = (drift, monitor, status)
