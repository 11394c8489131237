from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from driftgate.service.demo_data import CATEGORICAL, ENTITY, NUMERIC, TARGET, TIME, generate, shuffled

START = datetime(2026, 1, 1)  # noqa: DTZ001 - naive UTC, as the frames are
Floats = npt.NDArray[np.float64]


def left(frame: pd.DataFrame) -> Floats:
    return np.asarray(frame[TARGET] == "yes", dtype=np.float64)


def design(frame: pd.DataFrame) -> Floats:
    """A column of ones, the numeric features roughly standardised and filled, and an indicator per level."""
    numeric = [((frame[name] - 30) / 40).fillna(0.5).to_numpy() for name in NUMERIC]
    levels = {"creative": "none images video writing generated", "plan": "free basic pro", "country": "AT DE FR NL PL"}
    dummies = [(frame[name] == level).to_numpy(dtype=np.float64) for name in CATEGORICAL for level in levels[name].split()]
    return np.column_stack([np.ones(len(frame)), *numeric, *dummies])


def fitted(frame: pd.DataFrame) -> Floats:
    """The weights of a ridge-penalised logistic regression, by Newton's method."""
    x, y = design(frame), left(frame)
    weights = np.zeros(x.shape[1])
    for _ in range(15):
        p = 1 / (1 + np.exp(-x @ weights))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + np.eye(x.shape[1])
        weights += np.linalg.solve(hessian, x.T @ (y - p) - weights)
    return weights


def scored(weights: Floats, frame: pd.DataFrame) -> Floats:
    return 1 / (1 + np.exp(-design(frame) @ weights))


def log_loss(weights: Floats, frame: pd.DataFrame) -> float:
    p, y = scored(weights, frame), left(frame)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def auc(weights: Floats, frame: pd.DataFrame) -> float:
    ranks, y = pd.Series(scored(weights, frame)).rank().to_numpy(), left(frame)
    return float((ranks[y == 1].mean() - (y.sum() + 1) / 2) / (len(y) - y.sum()))


def distance(one: pd.Series, other: pd.Series) -> float:
    """The largest distance between two distribution functions (numbers), or the total variation (text)."""
    if one.dtype == object or not pd.api.types.is_numeric_dtype(one):
        shares = pd.concat([one.value_counts(normalize=True), other.value_counts(normalize=True)], axis=1).fillna(0.0)
        return float((shares.iloc[:, 0] - shares.iloc[:, 1]).abs().sum() / 2)
    a, b = np.sort(one.dropna()), np.sort(other.dropna())
    grid = np.concatenate([a, b])
    return float(np.max(np.abs(np.searchsorted(a, grid, "right") / len(a) - np.searchsorted(b, grid, "right") / len(b))))


def test_the_same_arguments_give_the_same_clients() -> None:
    pd.testing.assert_frame_equal(generate(200, 7, START, 0.5), generate(200, 7, START, 0.5))


def test_another_seed_gives_other_clients() -> None:
    one, other = generate(200, 7, START), generate(200, 8, START)

    assert set(one[ENTITY]).isdisjoint(other[ENTITY])
    assert not one["monthly_spend"].equals(other["monthly_spend"])


def test_columns_are_client_features_time_and_target() -> None:
    frame = generate(50, 1, START)

    assert frame.columns[0] == ENTITY
    assert list(frame.columns)[-2:] == [TIME, TARGET]
    assert set(frame.columns) == {ENTITY, *NUMERIC, *CATEGORICAL, TIME, TARGET}


def test_numbers_are_float64_and_times_naive_nanoseconds() -> None:
    frame = generate(50, 1, START)

    assert {str(frame[name].dtype) for name in NUMERIC} == {"float64"}
    assert str(frame[TIME].dtype) == "datetime64[ns]"
    assert set(frame[TARGET]) <= {"yes", "no"}


def test_rows_are_in_time_order_between_start_and_end() -> None:
    until = datetime(2026, 2, 1)  # noqa: DTZ001 - naive UTC

    times = generate(500, 1, START, until=until)[TIME]

    assert times.is_monotonic_increasing
    assert times.min() >= pd.Timestamp(START)
    assert times.max() < pd.Timestamp(until)


def test_each_client_is_one_row() -> None:
    assert generate(500, 1, START)[ENTITY].is_unique


def test_about_a_quarter_leaves_without_drift() -> None:
    assert 0.22 < left(generate(5000, 1, START)).mean() < 0.28


def test_some_values_are_missing_and_most_are_not() -> None:
    shares = generate(2000, 1, START)[list(NUMERIC)].isna().mean()

    assert 0.05 < shares["average_stars"] < 0.12
    assert shares.max() < 0.12


def test_scores_stay_in_their_ranges_at_any_drift() -> None:
    frame = generate(2000, 1, START, drift=1.0)

    assert frame["profile_score"].dropna().between(0, 100).all()
    assert frame["average_stars"].dropna().between(1, 5).all()
    assert frame["activity_score"].between(0, 10).all()


def test_leaving_can_be_predicted_but_not_perfectly() -> None:
    weights = fitted(generate(3000, 1, START))

    assert 0.75 < auc(weights, generate(3000, 2, START)) < 0.85


def test_without_drift_no_feature_moves() -> None:
    one, other = generate(5000, 1, START), generate(5000, 2, START)

    moved = {name: distance(one[name], other[name]) for name in (*NUMERIC, *CATEGORICAL, TARGET)}

    # The Kolmogorov-Smirnov distance that chance exceeds once in 1,000 per column at these sizes.
    assert max(moved.values()) < 0.039, moved


def test_without_drift_a_refit_gains_nothing() -> None:
    champion, refit, rows = fitted(generate(4000, 1, START)), fitted(generate(4000, 2, START)), generate(4000, 3, START)

    assert abs(log_loss(champion, rows) - log_loss(refit, rows)) < 0.01


def test_full_drift_moves_features_of_both_kinds_and_brings_an_unseen_level() -> None:
    calm, drifted = generate(3000, 1, START), generate(3000, 2, START, drift=1.0)

    assert distance(calm["average_stars"], drifted["average_stars"]) > 0.25
    assert distance(calm["activity_score"], drifted["activity_score"]) > 0.2
    assert distance(calm["monthly_spend"], drifted["monthly_spend"]) > 0.2
    assert set(drifted["creative"]) - set(calm["creative"]) == {"generated"}


def test_at_full_drift_a_refit_is_clearly_better_than_the_old_champion() -> None:
    champion, refit = fitted(generate(4000, 1, START)), fitted(generate(4000, 2, START, drift=1.0))
    rows = generate(2000, 3, START, drift=1.0)

    assert log_loss(champion, rows) - log_loss(refit, rows) > 0.1


@pytest.mark.parametrize("low_high", [(0.0, 0.25), (0.25, 0.5), (0.5, 1.0)])
def test_turning_the_dial_up_makes_the_old_champion_worse(low_high: tuple[float, float]) -> None:
    champion = fitted(generate(4000, 1, START))

    losses = [log_loss(champion, generate(4000, 5, START, drift=drift)) for drift in low_high]

    assert losses[0] < losses[1]


def test_shuffled_labels_keep_the_rate_and_lose_the_relation() -> None:
    frame = generate(3000, 1, START)

    dealt = shuffled(frame, 0)

    assert left(dealt).sum() == left(frame).sum()
    pd.testing.assert_frame_equal(dealt.drop(columns=TARGET), frame.drop(columns=TARGET))
    assert auc(fitted(dealt), generate(3000, 2, START)) < 0.62


def test_no_rows_are_an_empty_frame_of_the_same_columns() -> None:
    assert list(generate(0, 1, START).columns) == list(generate(1, 1, START).columns)


@pytest.mark.parametrize("arguments", [{"drift": 1.1}, {"drift": -0.1}, {"drift": float("nan")}, {"until": START}])
def test_what_makes_no_sense_is_refused(arguments: dict[str, float | datetime]) -> None:
    with pytest.raises(ValueError, match=r"must be from|no 10 rows"):
        generate(10, 1, START, **arguments)  # type: ignore[arg-type]
