"""What a card says of judgements and decisions, out of the ledger."""

import json
from collections.abc import Mapping
from typing import Any

from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.ledger import Event, Kind
from driftgate.reports.cards.blocks import NOT_KNOWN, Block, Grid, Words, number
from driftgate.reports.cards.facts import CardFacts

WORDS = {
    Kind.REQUESTED: "asked for",
    Kind.JUDGED: "judged",
    Kind.APPROVED: "approved",
    Kind.REJECTED: "rejected",
    Kind.DECIDED: "decided",
    Kind.APPLIED: "the MLflow alias followed",
    Kind.FAILED: "failed",
}


def gates(facts: CardFacts) -> tuple[Block, ...]:
    """The gates of the last judgement, with all their reasons and numbers."""
    found = facts.judged
    if found is None:
        return (
            Words(f"Not judged yet by any decision or challenge. A look, which decides nothing: driftgate gate {facts.version.number}"),
        )
    body = found.body
    what = "as a challenger" if found.kind in (Kind.CHALLENGED, Kind.CHALLENGE_REFUSED) else "for promotion"
    against = body.get("judged_against", body.get("champion"))
    verdict = f", verdict {body['verdict']}" if "verdict" in body else ""
    return (
        Words(
            f"Judged {what} on {found.at:%Y-%m-%d %H:%M:%S} UTC against {f'version {against}' if against else 'no champion'}{verdict} "
            f"(row {found.sequence} of the ledger, subject {found.subject}; attempt {body.get('attempt', NOT_KNOWN)} on its rows)."
        ),
        Grid(("gate", "verdict", "reasons", "measured", "limit"), tuple(_gate(each) for each in body["gates"])),
    )


def _gate(gate: Mapping[str, Any]) -> tuple[str, ...]:
    numbers = (_numbers(gate.get(key) or {}) for key in ("measured", "limit"))
    return str(gate["name"]), str(gate["verdict"]).replace("_", " "), "; ".join(map(str, gate["reasons"])), *numbers


def _numbers(values: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} = {'none' if value is None else number(value)}" for name, value in values.items()) or "-"


def limits(facts: CardFacts) -> tuple[Block, ...]:
    """The policy of the last judgement; before the first one, that in force."""
    kept = None if facts.judged is None else facts.judged.body.get("policy")
    if isinstance(kept, Mapping):
        return Words(f"The policy that this judgement used, SHA-256 {facts.judged.body['policy_sha256']}."), _policy(kept)  # type: ignore[union-attr]
    if facts.force is None:
        return (Words("No policy is in force yet: the first decision applies what driftgate.toml proposes."),)
    since = f" since {facts.force_since:%Y-%m-%d %H:%M:%S} UTC" if facts.force_since else ""
    return Words(f"Not judged under any policy. The one in force{since} has the SHA-256 {facts.force.sha256}."), _policy(plain(facts.force))


def _policy(policy: Mapping[str, Any]) -> Grid:
    return Grid(("limit", "value"), tuple((str(name), _value(value)) for name, value in policy.items()))


def _value(value: Any) -> str:
    if value is None or value in ([], {}):
        return "none"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else number(value)


def decisions(facts: CardFacts) -> tuple[Block, ...]:
    """Every event about the version, in order."""
    if not facts.history:
        return (Words("Nothing was asked for or decided about this version yet."),)
    rows = tuple(_event(event, facts.version.number) for event in facts.history)
    return (Grid(("row", "at (UTC)", "subject", "what", "by", "details"), rows),)


def _event(event: Event, number_meant: int) -> tuple[str, ...]:
    what, details = _told(event, number_meant)
    return str(event.sequence), f"{event.at:%Y-%m-%d %H:%M:%S}", event.subject, what, event.actor, details or "-"


def _told(event: Event, meant: int) -> tuple[str, str]:
    """What happened, and what was said of it."""
    body = event.body
    other = body.get("version") not in (None, meant)
    if event.kind is Kind.REQUESTED:
        forced = ", without gates (break-glass)" if body.get("break_glass") else ""
        return f"{'rollback' if body.get('action') == 'rollback' else 'promotion'} asked for{forced}", str(body.get("comment", ""))
    if event.kind is Kind.JUDGED:
        return f"judged: {body.get('verdict', NOT_KNOWN)}", "awaits approval" if body.get("approval") else ""
    if event.kind is Kind.DECIDED:
        done = "rolled back to" if body.get("action") == "rollback" else "promoted"
        said = f"version {body['version']} {done}" if done == "promoted" else f"{done} version {body['version']}"
        over = f"over version {body['previous']}" if body.get("previous") else "over no champion"
        return f"{said}, without gates (break-glass)" if body.get("break_glass") else said, f"{over} {body.get('reason', '')}".strip()
    if event.kind is Kind.CHALLENGED:
        if body.get("version") is None:
            return "its challenge ended", str(body.get("reason", ""))
        return "another version challenges" if other else "let in as a challenger", str(body.get("reason", ""))
    if event.kind is Kind.CHALLENGE_REFUSED:
        return "refused as a challenger", str(body.get("refusal", ""))
    said = body.get("reason") or body.get("comment") or ""
    return WORDS.get(event.kind, event.kind.value.replace("_", " ")), str(said)


def hashes(facts: CardFacts) -> tuple[Block, ...]:
    """Every hash that the card rests on."""
    version, snapshot, head = facts.version, facts.version.snapshot, facts.head
    body = {} if facts.judged is None else facts.judged.body
    rows = {
        "model artifact": version.artifact_sha256,
        "snapshot": snapshot.sha256,
        "training rows": snapshot.train_sha256,
        "holdout rows": snapshot.holdout_sha256,
        "policy of the last judgement": body.get("policy_sha256", "not judged yet"),
        "policy in force": "none" if facts.force is None else facts.force.sha256,
        "evidence of the last judgement": body.get("evidence_sha256", "not judged yet"),
        "its bundle, in the run": body.get("bundle", "none"),
        "SHA-256 of the bundle": body.get("bundle_sha256", "none"),
        "ledger row at the making of this card": "none" if head is None else str(head.sequence),
        "its hash": "none" if head is None else head.hash,
    }
    return (
        Grid(("what", "SHA-256 or place"), tuple((name, str(value)) for name, value in rows.items())),
        Words("Check the ledger with driftgate audit verify, and a file with sha256sum; docs/discussions/assurance.md says more."),
    )
