import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.payloads import Arm, Output
from driftgate.payloads.volume import Volume, volumes
from tests.builders import a_payload


def of(*outputs: Output) -> Volume:
    whole, _ = volumes([[a_payload(str(place), output=output)] for place, output in enumerate(outputs)])
    return whole


def test_a_binary_model_averages_the_probability_of_its_positive_class() -> None:
    volume = of(Output("yes", (0.2, 0.8)), Output("no", (0.6, 0.4)))

    assert (volume.count, volume.mean, volume.labels) == (2, pytest.approx(0.6), {"yes": 1, "no": 1})


def test_a_regression_averages_its_numbers() -> None:
    assert of(Output(1.0), Output(4)).mean == pytest.approx(2.5)


def test_more_than_two_classes_have_counts_and_no_mean() -> None:
    volume = of(Output("low", (0.5, 0.3, 0.2)), Output("low", (0.4, 0.3, 0.3)), Output("mid", (0.1, 0.8, 0.1)))

    assert (volume.mean, volume.labels) == (None, {"low": 2, "mid": 1})


def test_an_answer_without_a_number_counts_and_is_left_out_of_the_mean() -> None:
    volume = of(Output("yes"), Output(math.nan), Output("yes", (math.nan, math.nan)), Output("no", (0.9, 0.1)))

    assert (volume.count, volume.averaged, volume.mean) == (4, 1, 0.1)


def test_no_payloads_have_no_mean() -> None:
    assert of() == Volume()


def test_each_arm_and_version_is_counted_apart() -> None:
    payloads = [a_payload("a"), a_payload("b", version=2), a_payload("c", arm=Arm.HEURISTIC, version=None, output=Output("no"))]

    whole, parts = volumes([payloads[:2], payloads[2:]])

    assert whole.count == 3
    assert {part: volume.count for part, volume in parts.items()} == {
        (Arm.CHAMPION, 1): 1,
        (Arm.CHAMPION, 2): 1,
        (Arm.HEURISTIC, None): 1,
    }


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_the_mean_of_any_numbers_lies_between_them(numbers: list[float]) -> None:
    mean = of(*map(Output, numbers)).mean

    assert mean is not None
    slack = 1e-9 * max(map(abs, numbers))
    assert min(numbers) - slack <= mean <= max(numbers) + slack
