"""Numbers, texts and sizes of DynamoDB items."""

import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.payloads import Output
from driftgate.payloads.etl.dynamodb_items import DIGITS, ITEM_BYTES, item
from driftgate.payloads.rows import encoded
from tests.builders import a_payload


def feature(value):
    return item(encoded(a_payload(features={"x": value})))["features"]["M"]["x"]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_keeps_the_digits_that_python_prints(value):
    ((kind, held),) = feature(value).items()

    assert Decimal(held) == Decimal(repr(value))
    assert float(held) == value
    assert kind == ("N" if value == 0 or 1e-130 <= abs(value) < 1e126 else "S")


@given(st.integers(-(10**60), 10**60))
def test_a_whole_number_is_exact_or_text(value):
    ((kind, held),) = feature(value).items()

    assert int(held) == value
    assert kind == ("N" if len(str(abs(value)).rstrip("0")) <= DIGITS else "S")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_what_is_no_number_is_null(value):
    assert feature(value) == {"NULL": True}


def test_true_is_no_number_and_text_of_digits_stays_text():
    assert (feature(True), feature("1"), feature(1), feature("")) == ({"BOOL": True}, {"S": "1"}, {"N": "1"}, {"S": ""})


@given(st.text(st.characters(exclude_categories=()), max_size=20))
def test_any_text_can_be_sent(value):
    json.dumps(feature(value)["S"]).encode()
    feature(value)["S"].encode("utf-8")


@pytest.mark.parametrize("letter", ["x", "é", "\U0001f600"])
def test_the_size_is_that_of_the_bytes(letter):
    fitting = (ITEM_BYTES - 1_000) // len(letter.encode())

    item(encoded(a_payload(features={"text": letter * fitting})))
    with pytest.raises(InvalidData, match="409,600"):
        item(encoded(a_payload(features={"text": letter * (fitting + 1_000)})))


def test_numbers_and_names_count_towards_the_size():
    many = {f"feature_with_a_long_name_{number:06}": 1 / 3 for number in range(12_000)}

    with pytest.raises(InvalidData, match="bytes as an item"):
        item(encoded(a_payload(features=many, output=Output("yes"))))
