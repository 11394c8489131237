"""A real promotion is held against a real former champion: the same project as that of `benchmarks/verdict.py`, small."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.verdict import CANDIDATE, CHAMPION, FORMER, MODEL, docket
from driftgate.lifecycle.flows.promoting import promotions
from driftgate.lifecycle.ledger import State

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def rows(count: int = 1_200) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"spend": rng.normal(50, 9, count), "visits": rng.normal(0, 1, count)})
    left = rng.random(count) < 1 / (1 + np.exp(-2.0 * frame["visits"]))
    return frame.assign(churned=np.where(left, "yes", "no"))


def test_a_promotion_tells_how_the_candidate_holds_against_the_champion_before() -> None:
    with docket("logistic", rows(), payloads=60) as project:
        project.judged()
        project.predicted()

        last = promotions(MODEL, project.parts.app.ledger)[0]

    gate = next(gate for gate in last.gates if gate["name"] == "comparison")
    assert (last.version, last.expected_champion, last.state) == (CANDIDATE, CHAMPION, State.REFUSED)
    assert (gate["measured"]["former_champions"], gate["measured"]["best_former"]) == (1, FORMER)
    assert gate["measured"]["best_former_difference"] == 0.0
    assert [each["name"] for each in last.gates if each["verdict"] in ("fail", "undecided")] == ["comparison"]
