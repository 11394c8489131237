from dataclasses import replace

import pytest

from driftgate.lifecycle.budget import SHARES
from driftgate.lifecycle.findings import Monitor
from driftgate.lifecycle.judging.duels import judged
from driftgate.lifecycle.measurements_impact import Duel, Look, Pairing, Standing
from driftgate.lifecycle.verdicts import Estimate, Verdict
from tests.builders import NOON

DUEL = Duel(
    pairing=Pairing.ARMS,
    measure="outcome",
    champion=1,
    challenger=2,
    champion_entities=600,
    challenger_entities=500,
    rows=1_300,
    level=0.05,
    standing=Standing.UNDECIDED,
    looks=(Look(NOON, 40, Estimate(0.3)), Look(NOON, 500, Estimate(-0.1, -0.2, 0.01))),
    reasons=("challenger - champion is -0.1",),
    needed=70,
)


@pytest.mark.parametrize(
    ("standing", "verdict", "alarms"),
    [(Standing.WORSE, Verdict.FAIL, True), (Standing.BETTER, Verdict.PASS, False), (Standing.UNDECIDED, Verdict.UNDECIDED, False)],
)
def test_only_a_challenger_that_is_surely_worse_alarms(standing, verdict, alarms):
    (found,) = judged(2, [replace(DUEL, standing=standing)])

    assert (found.verdict, found.alarms) == (verdict, alarms)
    assert standing is Standing.UNDECIDED or f"surely {standing.value}" in found.reasons[0]


def test_a_duel_is_named_after_its_challenger_and_shows_its_last_look():
    (found,) = judged(2, [DUEL])

    assert found.subject == "challenger/2/arms/outcome"
    assert (found.value, found.lower, found.upper, found.limit) == (-0.1, -0.2, 0.01, 0.0)
    assert (found.rows, found.details["needed"], found.details["challenger_entities"]) == (1_300, 70, 500)
    assert found.reasons[1:] == DUEL.reasons


def test_a_challenge_without_outcomes_is_undecided_and_says_so():
    (found,) = judged(2, [])

    assert (found.subject, found.verdict) == ("challenger/2/waiting", Verdict.UNDECIDED)
    assert "no matured outcome" in found.reasons[0]


def test_a_duel_has_the_level_of_its_sequence_and_spends_none_of_the_budget():
    (found,) = judged(2, [DUEL])

    assert found.level == DUEL.level
    assert Monitor.CHALLENGER not in SHARES
