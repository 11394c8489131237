import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.canonical import canonical, plain, sha256
from driftgate.lifecycle.policy import Policy, Standard
from tests.builders import passing_evidence

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3),
    max_leaves=8,
)


@dataclass(frozen=True)
class Point:
    x: float
    tags: tuple[str, ...] = ()


@given(JSON)
def test_what_is_read_back_has_the_same_hash(value: Any) -> None:
    read_back = json.loads(canonical(value))

    assert sha256(read_back) == sha256(value)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(), max_size=6), st.randoms())
def test_key_order_is_irrelevant(mapping: dict[str, int], random: Random) -> None:
    keys = random.sample(list(mapping), len(mapping))

    assert sha256({key: mapping[key] for key in keys}) == sha256(mapping)


def test_another_value_has_another_hash() -> None:
    hashes = {sha256(value) for value in (None, True, 1, 1.5, "1", [1], {"a": 1}, {"a": 2}, [], {}, "")}

    assert len(hashes) == 11


@given(st.integers(-(2**53), 2**53))
def test_equal_numbers_have_equal_hashes(number: int) -> None:
    assert sha256(float(number)) == sha256(number)


def test_negative_zero_is_zero() -> None:
    assert canonical(-0.0) == canonical(0.0) == "0"


def test_equal_instants_have_equal_hashes_in_any_time_zone() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)

    elsewhere = noon.astimezone(timezone(timedelta(hours=5)))

    assert sha256(elsewhere) == sha256(noon)
    assert plain(elsewhere) == "2026-03-01T12:00:00+00:00"


def test_a_policy_written_with_integers_is_the_same_policy() -> None:
    assert Policy(margin=0, growth_limit=1).sha256 == Policy(margin=0.0, growth_limit=1.0).sha256


def test_any_limit_changes_the_hash_of_the_policy() -> None:
    policies = (
        Policy(),
        Policy(margin=0.02),
        Policy(standard=Standard.NON_INFERIOR),
        Policy(floors={"accuracy": 0.7}),
        Policy(approval=True),
    )

    assert len({policy.sha256 for policy in policies}) == len(policies)


def test_not_a_number_and_infinity_are_written_by_name() -> None:
    assert plain([math.nan, math.inf, -math.inf]) == ["nan", "inf", "-inf"]


def test_a_dataclass_is_an_object_and_a_tuple_a_list() -> None:
    assert canonical(Point(0.5, ("b", "a"))) == '{"tags":["b","a"],"x":0.5}'


def test_an_enum_is_its_value() -> None:
    assert plain({"standard": Standard.SUPERIOR}) == {"standard": "superior"}


def test_evidence_can_be_hashed_and_read_back() -> None:
    evidence = passing_evidence()

    assert sha256(json.loads(canonical(evidence))) == sha256(evidence)
