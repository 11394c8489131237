"""Frozen values as JSON text and back."""

import json
import math
from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.findings import Asked, Assumption, Finding, Monitor, Pass, Reading
from driftgate.lifecycle.triggers import Trigger
from driftgate.lifecycle.verdicts import Estimate, Verdict
from driftgate.service.monitoring.stored import read, written
from tests.builders import NOON, a_finding, a_pass, a_trigger, a_window

TEXT = st.text(max_size=8) | st.sampled_from(["\0", "\ud800", '"', "nan"])
NUMBERS = st.floats(allow_nan=False) | st.integers(-(2**70), 2**70).map(float)
ESTIMATES = st.builds(Estimate, NUMBERS, st.none() | NUMBERS, st.none() | NUMBERS)
READINGS = st.builds(Reading, st.sampled_from(Assumption), st.none() | ESTIMATES, TEXT)
DETAILS = st.dictionaries(TEXT, NUMBERS | st.integers() | st.booleans() | st.none() | TEXT.filter(lambda text: text != "nan"), max_size=3)
FINDINGS = st.builds(
    Finding,
    st.sampled_from(Monitor),
    TEXT,
    st.sampled_from(Verdict),
    *[st.none() | NUMBERS] * 6,
    rows=st.integers(0, 2**40),
    reasons=st.lists(TEXT, max_size=2).map(tuple),
    details=DETAILS,
    readings=st.lists(READINGS, max_size=2).map(tuple),
)


@given(st.lists(FINDINGS, max_size=3), st.none() | st.just(a_window()), st.none() | st.integers(1, 9))
def test_what_was_written_is_read_as_it_was(findings, judged, version):
    found = a_pass(
        "p1", *findings, judged=judged, version=version, asked=(Asked(Monitor.IMPACT, ("decay",), "why"), Asked(Monitor.TRAFFIC, (), ""))
    )

    text = written(found)

    assert read(Pass, text) == found
    assert text.isascii()
    assert "\0" not in text


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_has_no_form_for_come_back(number):
    found = read(Finding, written(a_finding(value=number, details={"share": number})))

    assert (str(found.value), str(found.details["share"])) == (str(number), str(number))


def test_an_instant_of_another_zone_is_the_same_instant():
    at = NOON.astimezone(timezone(timedelta(hours=9)))

    assert read(Trigger, written(a_trigger(at=at))).at == at


def test_a_document_of_another_release_is_read_by_what_both_know():
    content = json.loads(written(a_finding()))
    content["of_tomorrow"] = 1
    del content["readings"], content["p_value"]

    assert read(Finding, json.dumps(content)) == a_finding(p_value=None)
