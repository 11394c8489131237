from dataclasses import replace

import pytest

from driftgate.lifecycle.ledger import Kind
from driftgate.lifecycle.ports_cards import RunFacts
from driftgate.lifecycle.schema import Task
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.cards import content, markdown
from driftgate.reports.cards.blocks import bounded, number
from driftgate.reports.cards.facts import Purpose
from driftgate.reports.cards.summary import summary
from tests.builders import a_schema, a_version, an_event
from tests.fakes import FakeLedger
from tests.unit.reports.cards.facts import a_history, a_measurement, some_facts


def text_of(facts) -> str:
    return markdown.written(content.card(facts))


def row(text: str, name: str) -> str:
    """The rest of the first table row that begins with the name."""
    return next(line for line in text.splitlines() if line.startswith(f"| {name} |")).removeprefix(f"| {name} | ").removesuffix(" |")


def bare(**changes):
    nothing = {
        "purpose": Purpose(),
        "run": RunFacts(ours=True),
        "history": (),
        "judged": None,
        "envelope": None,
        "force": None,
        "head": None,
    }
    return some_facts(**{**nothing, "pictures": {}, "standing": "never promoted", **changes})


def test_the_sections_stand_in_their_order():
    assert [section.heading for section in content.card(some_facts()).sections] == [
        "At a glance",
        "Intended use and known limits",
        "Data",
        "Training",
        "Metrics on the holdout",
        "Degradation envelope",
        "Gates",
        "Limits that it was judged by",
        "Decisions",
        "Hashes, and how to check them",
    ]


def test_the_same_facts_give_the_same_card():
    assert text_of(some_facts()) == text_of(some_facts())


def test_a_card_of_a_version_of_which_nothing_is_known_says_so():
    written = text_of(bare())

    for name in ("owner", "contact", "intended use", "known limits"):
        assert row(written, name) == "not stated in driftgate.toml"
    assert row(written, "source") == row(written, "code revision") == row(written, "asked for by") == "not known"
    assert row(written, "this card") == "the ledger had no rows yet"
    for words in ("Not simulated yet", "Not judged yet", "No policy is in force yet", "Nothing was asked for or decided"):
        assert words in written


def test_a_version_of_other_code_has_no_invented_training():
    foreign = {"driftgate.actor": "somebody", "driftgate.source": "somewhere"}
    written = text_of(bare(run=RunFacts(ours=False, params={"depth": "3"}, tags=foreign, adopted_by="ann")))

    assert "trained outside of Driftgate" in written
    assert row(written, "trained by Driftgate") == "no, adopted by ann"
    assert row(written, "depth") == "3"
    assert row(written, "source") == "not known"
    assert "somebody" not in written
    assert "asked for by" not in written


def test_every_metric_has_its_bounds_and_its_rows_and_nan_is_not_a_number():
    written = text_of(some_facts())

    assert row(written, "roc\\_auc") == "0.79 | 0.75 | 0.83 | 250"
    assert row(written, "precision") == "not defined | not defined | not defined | 250"
    assert "nan" not in written.lower().replace("governance", "")


def test_what_could_not_be_measured_is_said_with_its_reason():
    written = text_of(some_facts(measured=a_measurement(metrics=(), problem="the artifact was changed")))

    assert "Not measured: the artifact was changed" in written


def test_the_gates_of_the_last_judgement_stand_with_reasons_numbers_and_limits():
    written = text_of(some_facts(text="because"))

    assert row(written, "base case").startswith("- | ")
    assert row(written, "performance") == "pass | because | because = not defined | auc = 0.5"
    assert "verdict pass (row 2 of the ledger, subject p1" in written
    assert row(written, "margin") == "0.01"
    assert row(written, "floors") == '{"because": 1.0}'


def test_the_hashes_are_those_of_the_version_the_judgement_and_the_ledger():
    facts = some_facts()
    written = text_of(facts)

    assert row(written, "model artifact") == facts.version.artifact_sha256
    assert row(written, "snapshot") == facts.version.snapshot.sha256
    assert row(written, "training rows").endswith(f"(SHA-256 {facts.version.snapshot.train_sha256})")
    assert row(written, "policy of the last judgement") == "f" * 64
    assert row(written, "policy in force") == facts.force.sha256
    assert row(written, "SHA-256 of the bundle") == "b" * 64
    assert row(written, "its hash") == facts.head.hash


def decided(**body) -> str:
    ledger = FakeLedger()
    ledger.append(an_event(Kind.DECIDED, body={"version": 1, "previous": None, "action": "promote", **body}, actor="ann"))
    return text_of(some_facts(history=ledger.events())).split("## Decisions")[1]


def test_break_glass_and_rollback_can_be_seen_in_the_history():
    assert "version 1 promoted | ann | over no champion" in decided()
    assert "version 1 promoted, without gates (break-glass) | ann | over version 3 it burns" in decided(
        previous=3, break_glass=True, reason="it burns"
    )
    assert "rolled back to version 1 | ann | over version 2" in decided(previous=2, action="rollback")
    assert "version 2 promoted | ann | over version 1" in decided(version=2, previous=1)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_event_has_its_line(kind):
    bodies = {
        Kind.REQUESTED: {"action": "rollback", "version": 1},
        Kind.DECIDED: {"version": 1, "previous": 2, "action": "promote"},
        Kind.CHALLENGED: {"version": 1, "shadow_only": False},
        Kind.CHALLENGE_REFUSED: {"version": 1, "refusal": "no"},
    }
    ledger = FakeLedger()
    ledger.append(an_event(kind, body=bodies.get(kind, {})))

    assert "| 1 | 2026-" in text_of(some_facts(history=ledger.events()))


def test_a_model_of_very_many_features_has_a_readable_card():
    schema = a_schema()
    wide = replace(schema, columns=tuple(replace(schema.columns[0], name=f"f{number}") for number in range(250)))

    written = text_of(some_facts(version=a_version(1, schema=wide)))

    assert "50 more features" in written
    assert "| f199 |" in written
    assert "| f200 |" not in written


@pytest.mark.parametrize("task", Task)
def test_every_task_has_a_card(task):
    written = text_of(some_facts(version=a_version(1, schema=a_schema(task), threshold=None)))

    assert row(written, "task") == task.value
    assert row(written, "classes") == (", ".join(a_schema(task).classes) or "none: a number is predicted")


def test_numbers_that_are_none_are_said_to_be_so():
    assert [number(value) for value in (None, float("nan"), "nan", "inf", True, 3, 0.25)] == [
        "not known", "not defined", "not defined", "not defined", "yes", "3", "0.25",
    ]  # fmt: skip
    assert bounded(Estimate(0.5)) == ("0.5", "not defined", "not defined")
    assert bounded(Estimate(float("inf"), 0.1, 0.2)) == ("not defined",) * 3


def test_the_summary_leads_to_the_card_and_says_what_the_version_is():
    said = summary(some_facts(), "card/model-card.html")

    assert said.startswith("[Model card](#/card) (card/model-card.html in run ")
    assert "champion; judged pass on 2026-" in said
    assert "as of ledger row 3" in said


def test_the_summary_of_a_version_that_nobody_judged_says_so():
    said = summary(bare(), "card/model-card.html")

    assert "before the first row of the ledger" in said
    assert "never promoted; not judged yet;" in said


def test_a_judgement_without_a_policy_of_its_own_shows_the_policy_in_force():
    ledger = a_history(policy=None)

    assert "Not judged under any policy. The one in force has the SHA-256" in text_of(some_facts(judged=ledger.events()[1]))
