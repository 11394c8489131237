"""Two promotions at once over the same champion, on each database: one wins, the other is told that the champion moved."""

import os
import threading
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Engine

from driftgate.lifecycle.errors import ChampionMoved
from driftgate.lifecycle.flows.promoting import Desk, promote, request
from driftgate.lifecycle.ledger import Kind, State, verify
from driftgate.lifecycle.policy import Policy
from driftgate.registry.ledger import SqlLedger
from driftgate.service.database import connect, upgrade
from driftgate.service.http.problems import status_of
from tests.builders import MODEL, a_promotion_request, a_version
from tests.databases import KINDS, scratch_engine
from tests.fakes import FakeExaminer, FakeRegistry

RACES = 1_000 if os.environ.get("DRIFTGATE_SOAK") == "1" else 20


def raced(engine: Engine, rival: Engine, race: int, registry: FakeRegistry) -> list[str]:
    """How the two promotions of one race ended: `promoted`, or the words of the loser after `409` or `failed`."""
    champion = SqlLedger(engine).champion(MODEL)
    barrier, ended = threading.Barrier(2), list[str]()
    versions = [number for number in range(1, 6) if number != champion][:2]

    def run(own: Engine, version: int) -> None:
        ledger = SqlLedger(own)
        desk = Desk(ledger, registry, FakeExaminer())
        barrier.wait(60)
        try:
            request(a_promotion_request(f"r{race}-v{version}", version, champion), ledger)
        except ChampionMoved as error:
            ended.append(f"{status_of(type(error))} {error.message}")
            return
        done = promote(f"r{race}-v{version}", Policy(spend_level=False), desk)
        ended.append(" ".join((done.state.value, *done.reasons)))

    threads = [threading.Thread(target=run, args=pair) for pair in zip((engine, rival), versions, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return sorted(ended)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_of_two_promotions_at_once_exactly_one_wins(kind: str, tmp_path: Path) -> None:
    registry = FakeRegistry.holding(*(a_version(number) for number in range(1, 6)))
    with scratch_engine(kind, tmp_path) as engine:
        upgrade(engine)
        rival = connect(engine.url.render_as_string(hide_password=False))
        try:
            ends = [raced(engine, rival, race, registry) for race in range(RACES)]
        finally:
            rival.dispose()
        ledger = SqlLedger(engine)
        events = ledger.events()

    for lost, won in ends:
        assert won == State.PROMOTED.value
        assert lost.startswith(("409 ", "failed "))
        assert "was expected to be the champion" in lost
    assert Counter(event.kind for event in events)[Kind.DECIDED] == RACES
    assert verify(events) == len(events)
    assert registry.champion_alias(MODEL) == [event for event in events if event.kind is Kind.DECIDED][-1].body["version"]
