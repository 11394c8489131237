"""The distance between the answers of two groups of entities, with a bound for all looks."""

from datetime import timedelta

import numpy as np
import pytest

from driftgate.lifecycle.payloads import Arm, Output, Payload
from driftgate.lifecycle.schema import Schema, Task
from driftgate.reports.rollout.outputs import change
from tests.builders import NOON, a_payload, a_schema
from tests.unit.reports.impact.traffic import counted

HOUR = timedelta(hours=1)
BINARY = a_schema()


def answers(entities: int, seed: int, arm: Arm = Arm.CHAMPION, *, push: float = 0.0, rows: int = 1) -> list[Payload]:
    """Each entity with a probability of its own, pushed; its rows lie near it."""
    rng = np.random.default_rng([seed, len(arm.value)])
    found = []
    for number in range(entities):
        own = rng.beta(2, 5) + push
        for row in range(rows):
            chance = float(np.clip(own + rng.normal(0, 0.02), 0, 1))
            output = Output("yes" if chance >= 0.5 else "no", (1 - chance, chance))
            at = NOON + float(rng.random()) * HOUR
            found.append(a_payload(f"{arm}-{number}-{row}", arm=arm, entity_id=f"{arm}{number}", event_time=at, output=output))
    return found


def measured(own: list[Payload], beside: list[Payload], schema: Schema = BINARY, level: float = 0.01):
    return change(own, beside, schema, NOON, NOON + HOUR, level)


def test_the_same_answers_do_not_differ_beyond_chance() -> None:
    found = measured(answers(500, 1, Arm.CHALLENGER), answers(4_000, 2))

    assert found.why is None
    assert (found.entities, found.beside_entities) == (500, 4_000)
    assert found.change is not None
    assert found.change < 0.05
    assert found.lower == pytest.approx(0.0, abs=0.02)


def test_answers_that_all_moved_surely_differ() -> None:
    found = measured(answers(500, 1, Arm.CHALLENGER, push=0.5), answers(4_000, 2))

    assert found.lower is not None
    assert found.change is not None
    assert 0.5 < found.lower <= found.change <= 1.0


def test_a_constant_answer_surely_differs() -> None:
    stuck = [
        a_payload(f"s{n}", arm=Arm.CHALLENGER, entity_id=f"s{n}", event_time=NOON, output=Output("no", (1.0, 0.0))) for n in range(300)
    ]

    found = measured(stuck, answers(3_000, 2))

    assert found.lower is not None
    assert found.lower > 0.5


def test_few_entities_have_no_bound_however_many_rows_they_have() -> None:
    found = measured(answers(30, 1, Arm.CHALLENGER, rows=40), answers(1_000, 2))

    assert (found.lower, found.entities) == (None, 30)
    assert found.why is not None


def test_entities_of_both_groups_and_rows_without_one_are_left_out() -> None:
    own, beside = answers(200, 1, Arm.CHALLENGER), answers(400, 2)
    shared = [a_payload("x", entity_id="shared", event_time=NOON, output=Output("no", (0.9, 0.1)))]
    nameless = [a_payload("y", entity_id=None, event_time=NOON, output=Output("no", (0.9, 0.1)))]

    found = measured([*own, *shared, *nameless], [*beside, *shared, *nameless])

    assert (found.entities, found.beside_entities) == (200, 400)


def test_without_answers_the_change_is_undefined() -> None:
    found = measured([], answers(10, 1))

    assert (found.change, found.lower) == (None, None)
    assert found.why is not None


def test_an_answer_that_is_no_number_leaves_the_change_undefined() -> None:
    regression = a_schema(task=Task.REGRESSION, classes=())
    rows = [a_payload(f"r{n}", entity_id=f"r{n}", event_time=NOON, output=Output(float("nan") if n == 3 else 1.0)) for n in range(9)]

    assert measured(rows[:5], rows[5:], regression).change is None


def test_equal_versions_are_rarely_said_to_differ() -> None:
    rounds = counted(full=400, reduced=30)
    wrong = sum(
        (measured(answers(200, 10 + n, Arm.CHALLENGER, rows=3), answers(800, 5_000 + n, rows=3), level=0.05).lower or 0) > 0.02
        for n in range(rounds)
    )

    assert wrong <= 0.05 * rounds + 2
