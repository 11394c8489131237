import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.arms import Split, position
from driftgate.lifecycle.payloads import Arm

ENTITIES = [f"client-{number}" for number in range(20_000)]
SIGMAS = 5.0
"""How far a count may be from what is expected: one honest test in 1.7 million would fail, and these are fixed draws."""

shares = st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda pair: sum(pair) <= 1)
names = st.text(max_size=20)


def arms(challenger: float, heuristic: float = 0.0, salt: str = "churn") -> list[Arm]:
    split = Split(salt, challenger, heuristic)
    return [split.arm(entity) for entity in ENTITIES]


def spread(share: float, count: int = len(ENTITIES)) -> float:
    """The most that a binomial count strays from its mean."""
    return SIGMAS * math.sqrt(count * share * (1 - share))


@given(shares, names, names)
def test_an_entity_keeps_its_arm_while_the_shares_stand(pair: tuple[float, float], salt: str, entity: str) -> None:
    assert Split(salt, *pair).arm(entity) is Split(salt, *pair).arm(entity)


@given(shares, names)
def test_without_an_entity_the_champion_answers(pair: tuple[float, float], salt: str) -> None:
    assert Split(salt, *pair).arm(None) is Arm.CHAMPION


@given(names, names)
def test_without_an_experiment_everybody_is_the_champions(salt: str, entity: str) -> None:
    assert Split(salt).arm(entity) is Arm.CHAMPION


@pytest.mark.parametrize(
    ("challenger", "heuristic", "arm"), [(1.0, 0.0, Arm.CHALLENGER), (0.0, 1.0, Arm.HEURISTIC), (0.0, 0.0, Arm.CHAMPION)]
)
def test_a_share_of_everything_is_everybody(challenger: float, heuristic: float, arm: Arm) -> None:
    assert set(arms(challenger, heuristic)) == {arm}


@given(shares, st.floats(0, 1), names, names)
def test_a_larger_challenger_share_only_moves_entities_from_champion_to_challenger(
    pair: tuple[float, float], more: float, salt: str, entity: str
) -> None:
    challenger, heuristic = pair
    larger = min(max(challenger, more), 1 - heuristic)
    if larger + heuristic > 1:
        return

    before, after = Split(salt, challenger, heuristic).arm(entity), Split(salt, larger, heuristic).arm(entity)

    assert before is after or (larger > challenger and (before, after) == (Arm.CHAMPION, Arm.CHALLENGER))


@given(shares, st.floats(0, 1), names, names)
def test_a_larger_heuristic_share_only_moves_entities_from_champion_to_heuristic(
    pair: tuple[float, float], more: float, salt: str, entity: str
) -> None:
    challenger, heuristic = pair
    larger = max(heuristic, more * (1 - challenger))
    if challenger + larger > 1:
        return

    before, after = Split(salt, challenger, heuristic).arm(entity), Split(salt, challenger, larger).arm(entity)

    assert before is after or (larger > heuristic and (before, after) == (Arm.CHAMPION, Arm.HEURISTIC))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=5), st.floats(0, 1), names, names)
def test_whoever_was_given_to_a_rolled_out_version_stays_with_it_at_every_later_stage(
    stages: list[float], heuristic: float, salt: str, entity: str
) -> None:
    split = Split(salt, 0.0, heuristic)

    seen = [split.rolled_out(share).arm(entity) for share in sorted(stages)]

    assert seen == sorted(seen, key=lambda arm: arm is Arm.CHALLENGER)
    assert (split.arm(entity) is Arm.HEURISTIC) == (Arm.HEURISTIC in seen) == all(arm is Arm.HEURISTIC for arm in seen)


@pytest.mark.parametrize(("challenger", "heuristic"), [(0.01, 0.0), (0.1, 0.05), (0.5, 0.0), (0.3, 0.3), (0.25, 0.75)])
@pytest.mark.parametrize("salt", ["churn", "churn-2", ""])
def test_the_shares_are_hit_as_well_as_chance_allows(challenger: float, heuristic: float, salt: str) -> None:
    given_out = arms(challenger, heuristic, salt)

    for arm, share in ((Arm.CHALLENGER, challenger), (Arm.HEURISTIC, heuristic), (Arm.CHAMPION, 1 - challenger - heuristic)):
        assert abs(given_out.count(arm) - share * len(ENTITIES)) <= spread(share), arm


def test_a_changed_share_moves_exactly_the_difference() -> None:
    steps = [0.0, 0.01, 0.05, 0.2, 0.5, 0.3, 0.1]
    by_step = [arms(share, 0.1) for share in steps]

    for (low, before), (high, after) in pairwise(zip(steps, by_step, strict=True)):
        moved = sum(one is not other for one, other in zip(before, after, strict=True))
        difference = abs(high - low)

        assert abs(moved - difference * len(ENTITIES)) <= spread(difference)
        assert moved == abs(before.count(Arm.CHALLENGER) - after.count(Arm.CHALLENGER))


def test_two_salts_split_independently() -> None:
    share = 0.3
    both = sum(one is other is Arm.CHALLENGER for one, other in zip(arms(share, salt="a"), arms(share, salt="b"), strict=True))

    assert abs(both - share**2 * len(ENTITIES)) <= spread(share**2)


def test_the_salt_and_the_entity_are_kept_apart() -> None:
    assert position("ab", "c") != position("a", "bc")


@given(names, names)
def test_a_position_is_in_the_unit_interval_without_its_end(salt: str, entity: str) -> None:
    assert 0.0 <= position(salt, entity) < 1.0


def test_positions_do_not_change_between_releases() -> None:
    """An entity that changes its arm in an upgrade spoils the experiment that runs."""
    assert [round(position("churn", name), 12) for name in ("c1", "Zoë", "")] == [0.550851661054, 0.471350182127, 0.74461429798]


@pytest.mark.parametrize(("challenger", "heuristic"), [(-0.1, 0.0), (0.0, -0.1), (0.6, 0.5), (1.1, 0.0), (math.nan, 0.0)])
def test_shares_that_cannot_be_are_refused(challenger: float, heuristic: float) -> None:
    with pytest.raises(ValueError, match="shares must be"):
        Split("churn", challenger, heuristic)
