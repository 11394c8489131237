"""The table of the alarms benchmark."""

from benchmarks.alarms import with_second


def _row(window: int, drift: str, over_best: float) -> dict[str, object]:
    return {"pool": "bank", "window": window, "drift": drift, "over_best": over_best}


def test_a_window_that_was_measured_again_counts_as_it_came_out_then() -> None:
    other = _row(50, "scale", 0.2)
    first = [other, _row(100, "mean", -0.06), _row(100, "scale", 0.3)]
    second = [_row(100, "mean", -0.02), _row(100, "scale", -0.07)]

    assert with_second(first, second) == [other, *second]
    assert with_second(first, []) == first
