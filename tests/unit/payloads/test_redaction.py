"""What is left out of the log, and what is hashed."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.payloads.redaction import Redaction
from driftgate.payloads.rows import encoded
from tests.builders import a_payload

KEY = "a key that nobody guesses"
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


def hashed(value, name="email", key=KEY):
    return Redaction(hash=[name], key=key).applied({name: value})[name]


def test_a_redacted_feature_is_absent_and_the_rest_is_as_it_was():
    assert Redaction(["email", "phone"]).applied({"email": "a@b", "age": 41}) == {"age": 41}


def test_a_hashed_feature_is_text_that_says_so():
    assert re.fullmatch(r"hmac:[0-9a-f]{64}", hashed("a@b"))


@pytest.mark.parametrize("rule", [Redaction(), Redaction(["phone"]), Redaction(hash=["phone"], key=KEY)])
def test_the_same_mapping_comes_back_where_nothing_is_to_be_hidden(rule):
    features = {"email": "a@b"}

    assert rule.applied(features) is features


def test_the_given_mapping_is_not_changed():
    features = {"email": "a@b", "phone": "1"}

    Redaction(["email"], ["phone"], KEY).applied(features)

    assert features == {"email": "a@b", "phone": "1"}


def test_equal_values_stay_equal_and_different_ones_different():
    values = ["a", "A", "a ", "1", 1, 2, True, "true", "\ud800"]

    assert hashed("a@b") == hashed("a@b")
    assert hashed(1) == hashed(1.0) == hashed(np.float64(1.0))
    assert len({hashed(value) for value in values}) == len(values)


def test_another_key_or_another_feature_gives_another_hash():
    assert len({hashed("x"), hashed("x", key="another key entirely"), hashed("x", name="phone")}) == 3


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_a_missing_value_stays_missing(missing):
    assert hashed(missing) is None


def test_hashing_without_a_key_is_refused():
    with pytest.raises(InvalidConfiguration, match=r"storage\.hash_key"):
        Redaction(hash=["email"])


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), scalars))
def test_the_rule_applied_twice_is_the_rule_applied_once(features):
    rule = Redaction(["a"], ["b"], KEY)

    once = rule.applied(features)

    assert repr(rule.applied(once)) == repr(once)


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), scalars))
def test_nothing_that_is_hidden_reaches_the_row(features):
    kept = Redaction(["a"], ["b"], KEY).applied(features)

    row = encoded(a_payload(features=kept))

    assert set(kept) == set(features) - {"a"}
    assert {name: kept[name] for name in kept if name != "b"}.keys() == features.keys() - {"a", "b"}
    assert row.features.isascii()
