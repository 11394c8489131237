import numpy as np

from driftgate.lifecycle.measurements_former import FormerChampion
from driftgate.reports import former
from tests.builders import a_schema

SCHEMA = a_schema()


def measured(own: float, theirs: float, rows: int = 400, **changes: object) -> FormerChampion:
    """Both say the same to each row, but for noise."""
    rng = np.random.default_rng(rows)
    y = rng.integers(2, size=rows)
    sides = [np.clip(np.where(y == 1, said, 1 - said) + rng.normal(0, 0.02, rows), 0.01, 0.99) for said in (own, theirs)]
    outputs = [np.column_stack([1 - side, side]) for side in sides]
    options = {"version": 3, "excluded": 7, "margin": 0.01, **changes}
    return former.measure(outputs[0], outputs[1], y, SCHEMA, **options)  # type: ignore[arg-type]


def test_the_difference_is_the_candidates_loss_less_the_former_champions() -> None:
    found = measured(0.6, 0.7)

    assert (found.version, found.rows, found.excluded) == (3, 400, 7)
    assert np.isclose(found.difference.value, found.candidate_loss - found.loss)
    assert found.beyond is not None
    assert found.beyond.p_value is not None
    assert found.beyond.p_value < 1e-6


def test_one_within_the_margin_is_not_surely_beyond_it() -> None:
    found = measured(0.7, 0.7)

    assert found.beyond is not None
    assert found.beyond.p_value is not None
    assert found.beyond.p_value > 0.2
    assert np.isclose(found.beyond.limit, 0.01 * found.loss)


def test_a_larger_margin_is_less_surely_passed() -> None:
    tight, wide = measured(0.68, 0.7, margin=0.0).beyond, measured(0.68, 0.7, margin=0.2).beyond

    assert tight is not None
    assert wide is not None
    assert tight.p_value is not None
    assert wide.p_value is not None
    assert tight.p_value < wide.p_value


def test_without_rows_there_are_no_numbers() -> None:
    found = measured(0.6, 0.7, rows=0)

    assert (found.rows, found.beyond) == (0, None)
    assert np.isnan(found.difference.value)


def test_few_rows_bear_no_bound_of_how_sure_it_is() -> None:
    assert measured(0.6, 0.7, rows=20).beyond is None
