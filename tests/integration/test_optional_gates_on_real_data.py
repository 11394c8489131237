"""False alarms of the optional gates: on real rows honest candidates pass, or the gates do not apply. Full counts with DRIFTGATE_SOAK=1."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.gates import replay_gate
from driftgate.lifecycle.policy import Policy, Standard
from driftgate.lifecycle.verdicts import Verdict
from tests.integration.gated import Workshop, blocking
from tests.real_data import real

SEEDS = range(20) if os.environ.get("DRIFTGATE_SOAK") == "1" else range(1)
POLICY = Policy(standard=Standard.NON_INFERIOR)

pytestmark = pytest.mark.slow

TELCO = """
[models.telco]
source = { path = "rows.csv" }
target = "Churn"
positive = "Yes"
entity = "customerID"
estimator = { name = "logistic" }
"""

BANK = """
[models.bank]
source = { path = "rows.csv" }
target = "y"
positive = "yes"
time = "row_order"
holdout = 0.10
drop = ["duration", "nr.employed", "cons.conf.idx", "cons.price.idx"]
estimator = { name = "logistic" }
"""

BIKE = """
[models.bike]
source = { path = "rows.csv" }
target = "cnt"
time = "dteday"
drop = ["instant", "casual", "registered"]
estimator = { name = "hist_gradient_boosting" }
"""


def telco(seed: int) -> list[pd.DataFrame]:
    rows = real("telco_customer_churn.csv.gz")
    rows["TotalCharges"] = pd.to_numeric(rows["TotalCharges"], errors="coerce")
    order = np.random.default_rng(seed).permutation(len(rows))
    parts = [rows.iloc[part] for part in (order[:3200], order[3200:6400], order[6400:])]
    return [part.reset_index(drop=True) for part in parts]


def bank(seed: int) -> list[pd.DataFrame]:
    rows, start = real("bank-additional-full.csv.gz", sep=";"), 150 * seed
    parts = [rows[start : 14_000 + start // 2], rows[25_000 + start : 39_000 + start // 2], rows[39_188:]]
    return [part.reset_index(drop=True) for part in parts]


def bike(seed: int) -> list[pd.DataFrame]:
    rows, start = real("bike_sharing_hour.csv.gz"), 100 * seed
    parts = [rows[start : 8_000 + start], rows[4_000 + start : 14_000 + start], rows[14_000 + start : 15_400 + start]]
    return [part.reset_index(drop=True) for part in parts]


CASES = {"telco": (TELCO, telco), "bank": (BANK, bank), "bike": (BIKE, bike)}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", SEEDS)
def test_honest_candidates_are_refused_by_no_optional_gate(tmp_path: Path, name: str, seed: int) -> None:
    toml, parts = CASES[name]
    first, second, asked = parts(seed)
    shop = Workshop(tmp_path, toml)
    champion = shop.fit(first, 1)
    as_the_first = shop.gates(champion, None, POLICY)
    shop.asked(asked, champion)

    identical = shop.gates(shop.fit(first, 2), champion, POLICY)
    fresh = shop.gates(shop.fit(second, 3), champion, POLICY)

    assert [blocking(gates) for gates in (as_the_first, identical, fresh)] == [[], [], []]
    assert {identical[gate].verdict for gate in ("data_quality", "calibration", "slices", "replay", "cost")} == {Verdict.PASS}


def test_candidates_that_are_bad_in_one_way_each_are_refused_by_the_gate_for_it(tmp_path: Path) -> None:
    first, second, asked = telco(0)
    shop = Workshop(tmp_path, TELCO)
    champion = shop.fit(first, 1)
    shop.asked(asked, champion)

    leaked = shop.fit(second.assign(refund=(second["Churn"] == "Yes") * 20.0), 2)
    on_both_sides = shop.fit(second, 3)
    shop.staged[3].holdout.iloc[:400] = shop.staged[3].train.iloc[:400].to_numpy()
    retyped = shop.fit(second.assign(tenure=second["tenure"].map("month {}".format), gender=np.arange(len(second)) % 7), 4)
    replayed = replay_gate(shop.measures().replay(retyped, POLICY), POLICY)

    assert "refund alone ranks" in shop.gates(leaked, champion, POLICY)["data_quality"].reasons[0]
    assert shop.gates(on_both_sides, champion, POLICY)["data_quality"].verdict is Verdict.FAIL
    assert replayed.verdict is Verdict.FAIL
    assert "gender must be a number" in replayed.reasons[0]
