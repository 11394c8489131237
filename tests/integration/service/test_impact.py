"""The impact report over real databases, from payloads that went through the real log."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from driftgate.lifecycle.arms import Split
from driftgate.lifecycle.errors import InvalidConfiguration, NoChampion, RegistryUnavailable
from driftgate.lifecycle.ledger import Kind
from driftgate.lifecycle.payloads import Arm, Outcome, Output, Payload, Window
from driftgate.payloads.log import DurablePayloadLog
from driftgate.payloads.objects import FolderStore
from driftgate.payloads.sql_log import SqlLog
from driftgate.registry.ledger import SqlLedger
from driftgate.service.cli.main import cli
from driftgate.service.database import connect, upgrade
from driftgate.service.impact import Books, document, look
from driftgate.service.settings import Settings, load
from tests.builders import MODEL, a_payload, a_schema, an_event
from tests.databases import KINDS, scratch_engine

DAY = timedelta(days=1)
Pairs = list[tuple[Payload, Outcome]]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
TOML = """[models.churn]
source = {path = "churn.csv"}
target = "churned"
[models.churn.outcomes]
maturity_days = 10
[models.churn.arms]
heuristic = 0.2
challenger = 0.3
[models.churn.heuristic]
constant = "no"
[models.churn.monitoring]
value_per_entity = 25.0
%s
"""
SPLIT = Split("churn", challenger=0.3, heuristic=0.2)
GOOD = {Arm.CHAMPION: 0.80, Arm.CHALLENGER: 0.93, Arm.HEURISTIC: 0.55}


def project(folder: Path, more: str = "") -> Settings:
    (folder / "driftgate.toml").write_text(TOML % more)
    return load(folder)


def lived(count: int = 2_400, good: dict[Arm, float] = GOOD, days: int = 60, until: datetime = NOW) -> Pairs:
    """Clients that came by in the last days, each once, in the arm that the split gives them; churn comes as it comes in that arm."""
    rng = np.random.default_rng(0)
    pairs = []
    for number in range(count):
        entity = f"client-{number}"
        arm = SPLIT.arm(entity)
        version = {Arm.CHAMPION: 1, Arm.CHALLENGER: 2, Arm.HEURISTIC: None}[arm]
        # All of a day within its first minutes: each hour of traffic is an object of its own.
        day, place = divmod(number * days, count)
        at = until - (days - day) * DAY + timedelta(seconds=place % 600)
        output = Output("no") if arm is Arm.HEURISTIC else Output("no", (0.8, 0.2))
        payload = a_payload(f"p-{number}", entity_id=entity, arm=arm, version=version, output=output, event_time=at, arrival_time=at)
        truth = "no" if rng.random() < good[arm] else "yes"
        pairs.append((payload, Outcome(MODEL, truth, at + 5 * DAY, payload.prediction_id)))
    return pairs


def told(folder: Path, engine: Engine, pairs: Pairs, until: datetime = NOW) -> SqlLog:
    """What a real log left in SQL: it took the payloads in, shipped them, and was told the outcomes that are known by then."""
    log = DurablePayloadLog(folder / "outbox.db", engine, FolderStore(folder / "objects"))
    log.append([payload for payload, _ in pairs])
    log.ship()
    log.record([outcome for _, outcome in pairs if outcome.observed_at <= until])
    log.close()
    return SqlLog(engine)


def decided(engine: Engine, at: datetime, challenged: datetime | None = None) -> SqlLedger:
    """A ledger that made version 1 champion then, and version 2 challenger later."""
    ledger = SqlLedger(engine, now=lambda: at)
    ledger.append(an_event(Kind.REQUESTED, "p1"))
    ledger.append(an_event(Kind.DECIDED, "p1"))
    if challenged is not None:
        body = {"version": 2, "shadow_only": False, "comment": ""}
        SqlLedger(engine, now=lambda: challenged).append(an_event(Kind.CHALLENGED, "c1", body))
    return ledger


def books(folder: Path, engine: Engine, pairs: Pairs, *, more: str = "", began: datetime = NOW - 60 * DAY) -> Books:
    return Books(project(folder, more), told(folder, engine, pairs), decided(engine, began, NOW - 60 * DAY), lambda *_: a_schema())


def since(days: int) -> Window:
    return Window(NOW - days * DAY, NOW)


@pytest.mark.parametrize("kind", KINDS)
def test_arms_and_challenger_are_told_from_what_was_logged(kind, tmp_path):
    with scratch_engine(kind, tmp_path) as engine:
        upgrade(engine)

        shown = document(look(MODEL, since(60), NOW, books(tmp_path, engine, lived())))

    assert (shown["version"], shown["verdict"], shown["favourable"], shown["assumed"]) == (1, "pass", 'the outcome "no"', True)
    assert shown["difference"]["estimate"] == pytest.approx(0.25, abs=0.06)
    assert shown["difference"]["lower"] > 0
    # Nobody within the last ten days is judged, whatever is known of them.
    assert shown["judged"]["end"] == "2026-05-22T00:00:00+00:00"
    assert shown["model_arm"]["entities"] == pytest.approx(2000 * 0.5, rel=0.1)
    assert shown["entities_saved"]["estimate"] == pytest.approx(shown["difference"]["estimate"] * shown["model_arm"]["entities"])
    assert shown["value"]["upper"] == pytest.approx(25 * shown["entities_saved"]["upper"])
    assert shown["periods"][-1]["so_far"]["entities_saved"] == shown["entities_saved"]
    duels = {(duel["pairing"], duel["measure"]): duel for duel in shown["challenger"]["duels"]}
    assert (shown["challenger"]["version"], duels["arms", "outcome"]["standing"]) == (2, "better")
    assert duels["arms", "outcome"]["difference"]["estimate"] == pytest.approx(0.13, abs=0.05)
    assert "in its first period" in shown["findings"][1]["reasons"][0]
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    found = connect(f"sqlite:///{tmp_path / '.driftgate' / 'driftgate.db'}")
    upgrade(found)
    yield found
    found.dispose()


def test_a_model_that_is_worse_than_the_heuristic_alarms(engine, tmp_path):
    worse = {Arm.CHAMPION: 0.5, Arm.CHALLENGER: 0.5, Arm.HEURISTIC: 0.75}

    found = look(MODEL, since(60), NOW, books(tmp_path, engine, lived(good=worse)))

    assert [finding.name for finding in found.findings if finding.alarms] == ["heuristic"]


def test_an_advantage_that_went_away_alarms(engine, tmp_path):
    early = lived(good=GOOD, days=50, until=NOW - 60 * DAY)
    later = [
        (replace(p, prediction_id=f"l-{p.prediction_id}", entity_id=f"l-{p.entity_id}"), replace(o, prediction_id=f"l-{p.prediction_id}"))
        for p, o in lived(good={**GOOD, Arm.CHAMPION: 0.55}, days=50)
    ]

    found = look(MODEL, since(50), NOW, books(tmp_path, engine, [*early, *later], began=NOW - 110 * DAY))

    assert [finding.name for finding in found.findings if finding.alarms] == ["decay"]
    assert found.measured.decay.change.value == pytest.approx(-0.25, abs=0.12)


def test_a_shadow_is_held_against_the_answers_it_stood_beside(engine, tmp_path):
    pairs = [(replace(p, arm=Arm.CHAMPION, version=1, output=Output("no", (0.8, 0.2))), o) for p, o in lived(1_200)]
    shadows = [
        (
            replace(p, prediction_id=f"s-{p.prediction_id}", arm=Arm.CHALLENGER, version=2, shadow_of=p.prediction_id,
                    output=Output("no", (0.85, 0.15) if o.value == "no" else (0.7, 0.3))),
            replace(o, prediction_id=f"s-{p.prediction_id}", observed_at=NOW + DAY),
        )
        for p, o in pairs
    ]  # fmt: skip

    found = look(MODEL, since(60), NOW, books(tmp_path, engine, [*pairs, *shadows]))

    shadow = next(duel for duel in found.duels if duel.pairing == "shadow")
    assert (shadow.measure, shadow.standing, shadow.rows) == ("log_loss", "better", 1000)
    assert "arms.heuristic" in found.findings[0].reasons[0]


def test_a_changed_salt_leaves_entities_out(engine, tmp_path):
    pairs = lived(600)
    ruled = {"arm": Arm.HEURISTIC, "version": None, "output": Output("no")}
    again = [
        (replace(p, prediction_id=f"again-{p.prediction_id}", event_time=p.event_time + DAY, **ruled),
         replace(o, prediction_id=f"again-{p.prediction_id}"))
        for p, o in pairs
        if p.arm is Arm.CHAMPION
    ][:40]  # fmt: skip

    shown = document(look(MODEL, since(60), NOW, books(tmp_path, engine, [*pairs, *again])))

    assert shown["left_out"]["moved"] == 40
    assert any("40 entities were seen in more than one arm" in reason for reason in shown["findings"][0]["reasons"])


def test_without_the_registry_what_needs_no_schema_is_told(engine, tmp_path):
    def down(*_):
        raise RegistryUnavailable("MLflow did not answer")

    given = replace(books(tmp_path, engine, lived(), more='favourable = "no"'), schema_of=down)

    found = look(MODEL, since(60), NOW, given)

    assert found.measured.overall.difference.lower > 0
    assert {duel.measure for duel in found.duels} == {"outcome"}
    assert "MLflow did not answer" in found.problems[0]


def test_a_favourable_outcome_that_is_no_class_is_refused(engine, tmp_path):
    with pytest.raises(InvalidConfiguration, match=r"monitoring\.favourable"):
        look(MODEL, since(60), NOW, books(tmp_path, engine, [], more='favourable = "gone"'))


def test_an_empty_log_is_undecided_and_no_champion_is_an_error(engine, tmp_path):
    empty = books(tmp_path, engine, [])

    assert {finding.verdict.value for finding in look(MODEL, since(60), NOW, empty).findings} == {"undecided"}
    with pytest.raises(NoChampion):
        look("other", since(60), NOW, empty)


# The command


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--project", str(folder), "impact", *arguments], standalone_mode=False)


@pytest.fixture
def running_project(engine, tmp_path: Path) -> Path:
    """A project whose log holds traffic up to today; its registry does not know the version."""
    project(tmp_path, 'favourable = "no"')
    today = datetime.now(UTC)
    moved = [
        (replace(p, event_time=p.event_time + (today - NOW), arrival_time=p.arrival_time + (today - NOW)),
         replace(o, observed_at=o.observed_at + (today - NOW)))
        for p, o in lived(1_000)
    ]  # fmt: skip
    told(tmp_path, engine, moved, until=today)
    decided(engine, today - 60 * DAY, today - 60 * DAY)
    return tmp_path


def test_the_command_tells_people(running_project):
    result = run(running_project, "--since", "60d", "--plots", str(running_project / "drawn"))

    assert result.exception is None
    assert "heuristic  pass" in result.output
    assert "saved so far" in result.output
    assert "Challenger 2 since" in result.output
    assert sorted(path.name for path in (running_project / "drawn").iterdir()) == ["challenger-arms-outcome.png", "impact.png"]


def test_the_command_prints_one_document(running_project):
    shown = json.loads(run(running_project, "--since", "60d", "--json").output)

    assert (shown["model"], shown["verdict"], shown["model_arm"]["versions"]) == (MODEL, "pass", [1])
