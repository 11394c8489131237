"""The table of the alarms benchmark."""

from benchmarks.alarms import with_second


def _row(drift: str, over_best: float) -> dict[str, object]:
    return {"pool": "bank", "window": 50, "drift": drift, "over_best": over_best}


def test_only_what_was_behind_is_taken_from_the_second_measurement() -> None:
    first = [_row("scale", 0.2), _row("mean", -0.06), _row("missing", -0.05)]
    second = [_row("scale", -0.9), _row("mean", -0.02), _row("missing", -0.9)]

    assert with_second(first, second) == [_row("scale", 0.2), _row("mean", -0.02), _row("missing", -0.05)]
    assert with_second(first[:1], []) == first[:1]
