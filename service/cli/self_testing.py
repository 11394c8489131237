"""`gate --self-test`: what the gates say to candidates that are known to be bad."""

from collections.abc import Sequence
from typing import Any

import click

from driftgate.service.cli.shared import number, remote, running, settings, show, table, tell, verdict_mark


def run(model: str | None, as_json: bool) -> None:
    """Runs the self-test in this process and shows it. Exit 1 where the gates would let through what they should not, or fail a refit."""
    from driftgate.service import documents, self_test
    from driftgate.service.policies import ruling

    found = settings()
    name = found.model(model)
    if remote(found) is not None:
        raise click.UsageError("the self-test fits models where it runs: run it on the service's host, without --url or service.url")
    with running(found) as parts:
        policy = ruling(name, found.policy(name), parts.app.ledger)
        document = documents.self_tested(self_test.run(found, name, policy, parts.payloads, tell))
    show(document, as_json, lines)
    if not document["passed"]:
        click.get_current_context().exit(1)


def lines(document: dict[str, Any]) -> Sequence[str]:
    """The table for people, and what of it is not as it should be."""
    rows = document["rows"]
    judged = [each for each in document["candidates"] if each["problem"] is None]
    loss = judged[0]["loss"].replace("_", "-") if judged else "loss"
    heading = ("candidate", f"true harm ({loss})", "from", "to", "truly", "verdict", "non-inferior", "refused by", "as it should")
    body = [heading, *(_row(each) for each in judged)]
    head = (
        f"Gates of {document['model']}: trained on {rows['train']} rows, judged on {rows['judged']}, harm measured on {rows['aside']} more"
    )
    found = [head, *table(body)]
    found += [
        f"  {each['kind'].replace('_', ' ')}: not applicable: {each['problem']}" for each in document["candidates"] if each["problem"]
    ]
    if judged:
        line = judged[0]["line"]
        found.append(f"  truly worse: surely more than the margin, {number(line)} {loss} ({document['margin']:.2%} of the champion's)")
    wrong = [each for each in document["candidates"] if not each["as_it_should"]]
    found += [_told(each) for each in wrong]
    return [*found, f"Self-test: {verdict_mark('pass' if document['passed'] else 'fail')}"]


def _row(trial: dict[str, Any]) -> Sequence[str]:
    harm = trial["harm"]
    return (
        trial["kind"].replace("_", " "),
        f"{harm['value']:+.4g}",
        number(harm["lower"]),
        number(harm["upper"]),
        trial["truth"],
        trial["verdict"],
        trial["non_inferior"],
        ", ".join(trial["blocking"]) or "-",
        "yes" if trial["as_it_should"] else "NO",
    )


def _told(trial: dict[str, Any]) -> str:
    kind = trial["kind"].replace("_", " ")
    if trial["non_inferior"] == "fail" and trial["truth"] != "worse":
        return f"  {kind}: a version that is as good as the champion fails: look at {', '.join(trial['blocking'])}"
    if trial["blocking"]:
        return f"  {kind}: it is refused, but only by {', '.join(trial['blocking'])}, which is not there for it"
    return f"  {kind}: it is truly worse, and every gate would let it through"
