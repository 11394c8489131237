"""The streams of the backtest benchmark, and its table."""

from typing import Any

import pandas as pd

from benchmarks.decisions_backtests import _customers, averaged, table


def _bought(*purchases: tuple[int, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(purchases, columns=["customer", "date", "spent"])
    return frame.assign(date=pd.to_datetime(frame["date"]), discs=1)


def test_features_end_where_the_label_begins() -> None:
    at = pd.Timestamp("1997-07-01")
    bought = _bought(
        (1, "1997-06-30", 10.0), (1, "1997-07-01", 99.0), (2, "1997-06-01", 5.0), (2, "1997-09-29", 7.0), (3, "1997-07-02", 3.0)
    )

    found = _customers(bought, at).set_index("customer")

    assert sorted(found.index) == [1, 2]
    assert found.loc[1, ["spent", "recency", "churned"]].tolist() == [10.0, 1, "no"]
    # Ninety days on is the first day that no longer counts.
    assert found.loc[2, "churned"] == "yes"


def test_customers_long_gone_are_not_asked_about() -> None:
    at = pd.Timestamp("1998-01-01")

    found = _customers(_bought((1, "1997-07-05", 1.0), (2, "1997-07-04", 1.0)), at)

    assert found["customer"].tolist() == [1]


def test_the_table_holds_each_policy_against_the_best_of_the_simple_ones() -> None:
    counts = {"promotions": 0, "corrupted_promoted": 0, "regretted": 0, "refused": 0, "accuracy": None}
    losses = {"never": 2.0, "always": 1.0, "latest": 1.5, "policy": 0.9}

    lines = table({"bank": {name: {"mean_loss": loss, **counts} for name, loss in losses.items()}})

    assert [line.split()[3] for line in lines[1:]] == ["+100.00%", "+0.00%", "+50.00%", "-10.00%"]


def test_figures_are_means_over_the_seeds_and_each_seed_is_told() -> None:
    def document(loss: float, broken: int, accuracy: float | None = 0.5) -> dict[str, Any]:
        counts = {"promotions": 2, "corrupted_promoted": broken, "regretted": 0, "refused": 1, "accuracy": accuracy}
        return {
            "policies": {name: {"mean_loss": loss, "losses": [loss], "refusals_by_gate": {}, **counts} for name in ("always", "policy")}
        }

    found = averaged([document(1.0, 0), document(2.0, 1)])["policy"]

    assert (found["mean_loss"], found["corrupted_promoted"], found["promotions"], found["accuracy"]) == (1.5, 0.5, 2.0, 0.5)
    assert found["by_seed"] == [
        {"mean_loss": 1.0, "losses": [1.0], "corrupted_promoted": 0},
        {"mean_loss": 2.0, "losses": [2.0], "corrupted_promoted": 1},
    ]
    assert averaged([document(1.0, 0, None)])["always"]["accuracy"] is None
