"""Facts of cards for tests."""

from dataclasses import replace
from typing import Any

from driftgate.lifecycle.ledger import Kind
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.ports_cards import RunFacts
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.cards.facts import CardFacts, Envelope, Measured, Metric, Purpose
from tests.builders import a_version, an_event, passing_degradation
from tests.fakes import FakeLedger

PNG = b"\x89PNG\r\n\x1a\nrest"


def a_measurement(**changes: Any) -> Measured:
    metrics = (Metric("roc_auc", Estimate(0.79, 0.75, 0.83)), Metric("precision", Estimate(float("nan"))))
    return replace(Measured(250, 0.95, "rows", 250, metrics), **changes)


def a_run(text: str = "asked", **changes: Any) -> RunFacts:
    tags = {"driftgate.actor": text, "driftgate.reason": text, "driftgate.source": text, "driftgate.warnings": text}
    return replace(RunFacts(ours=True, params={text: text}, tags=tags, link="#/card"), **changes)


def a_history(text: str = "because", **judged: Any) -> FakeLedger:
    """Version 1 asked for, judged and promoted; people's words are `text`."""
    gate = {"name": "performance", "verdict": "pass", "reasons": [text], "measured": {text: "nan"}, "limit": {"auc": 0.5}}
    body = {
        "verdict": "pass", "gates": [gate], "policy_sha256": "f" * 64, "evidence_sha256": "e" * 64, "judged_against": None,
        "policy": {"margin": 0.01, "floors": {text: 1.0}}, "bundle": "evidence/p1.json", "bundle_sha256": "b" * 64, **judged,
    }  # fmt: skip
    ledger = FakeLedger()
    ledger.append(
        an_event(Kind.REQUESTED, body={"action": "promote", "version": 1, "expected_champion": None, "comment": text}, actor=text)
    )
    ledger.append(an_event(Kind.JUDGED, body=body))
    ledger.append(an_event(Kind.DECIDED, body={"version": 1, "previous": None, "action": "promote"}))
    return ledger


def some_facts(text: str = "words", **changes: Any) -> CardFacts:
    """A card with everything on it; all that comes from data or people is `text`."""
    version = a_version(1)
    columns = tuple(replace(column, name=f"{column.name}{text}") for column in version.schema.columns)
    schema = replace(version.schema, columns=columns, target=f"t{text}", classes=(f"a{text}", f"b{text}"))
    events = a_history(text).events()
    envelope = passing_degradation()
    outcome = replace(envelope.scenarios[0], scenario=text, problem=text, loss=float("nan"))
    facts = CardFacts(
        version=replace(version, schema=schema),
        purpose=Purpose(text, text, text, text),
        run=a_run(text),
        measured=a_measurement(),
        standing="champion",
        history=events,
        judged=events[1],
        envelope=Envelope(replace(envelope, scenarios=(*envelope.scenarios, outcome), breaks_at={text: 1.05}), f"simulation {text}", PNG),
        force=Policy(),
        head=events[-1],
        pictures={text: PNG},
    )
    return replace(facts, **changes)
