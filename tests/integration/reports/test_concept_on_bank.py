"""Concept shift on the bank stream, whose macro-economic columns tell every year from the next."""

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.judging import live
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.lifecycle.verdicts import Verdict
from driftgate.reports import losses
from driftgate.reports.shift import concept
from tests.real_data import real

FIRST = 5_647
MACRO = ["emp.var.rate", "cons.price.idx", "cons.conf.idx", "euribor3m", "nr.employed"]


@pytest.fixture(scope="module")
def bank():
    return real("bank-additional-full.csv.gz", sep=";").drop(columns=["duration", "month"])


def measured(rows, window):
    """The first months' version, on its holdout and on the rows of the window."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    features = [name for name in rows.columns if name != "y"]
    numeric = {name for name in features if pd.api.types.is_numeric_dtype(rows[name])}
    columns = tuple(Column(name, ColumnKind.NUMERIC if name in numeric else ColumnKind.CATEGORICAL) for name in features)
    schema = Schema(Task.BINARY, "y", columns, ("no", "yes"))
    frame = rows[features].astype({name: object for name in features if name not in numeric})
    design = pd.DataFrame({name: frame[name] if name in numeric else pd.factorize(frame[name])[0] for name in features})
    held = np.random.default_rng(0).random(FIRST) < 0.3
    fitted = np.flatnonzero(~held)
    model = HistGradientBoostingClassifier(max_iter=60, random_state=0).fit(design.iloc[fitted], rows["y"].iloc[fitted])

    def side(at):
        return frame.iloc[at], losses.per_row_loss(model.predict_proba(design.iloc[at]), losses.encode(rows["y"].iloc[at], schema), schema)

    return concept.decompose(schema, *side(np.flatnonzero(held)), *side(np.arange(*window)))


@pytest.mark.slow
@pytest.mark.parametrize("window", [(30_000, 34_000), (36_224, 39_130), (39_130, 41_188)])
def test_bank_is_too_far_away_to_tell_concept_from_covariate_and_says_so(bank, window):
    found = measured(bank, window)
    (finding,) = live.concept(found, 0.1, 0.001)

    assert found.undecided is not None
    assert "hardly overlap (AUC 1.00" in found.undecided
    assert found.outside == found.total
    assert found.outside_share > 0.95
    assert finding.verdict is Verdict.UNDECIDED
    assert "outside the shared support" in finding.reasons[0]


@pytest.mark.slow
def test_bank_without_its_macro_economic_columns_shows_a_concept_shift(bank):
    found = measured(bank.drop(columns=MACRO), (36_224, 41_188))

    assert found.undecided is None
    assert found.shared > 0.1
    assert found.concept.lower > found.reference_loss
