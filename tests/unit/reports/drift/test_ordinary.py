import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.reports.drift.measure import measure
from driftgate.reports.drift.ordinary import ordinary
from driftgate.reports.profiles.frame import profile

SCHEMA = Schema(Task.REGRESSION, "y", (Column("heat", ColumnKind.NUMERIC), Column("kind", ColumnKind.CATEGORICAL)))


def year(seed, rows=4_000):
    rng = np.random.default_rng(seed)
    season = np.sin(np.arange(rows) / rows * 8 * np.pi)
    return pd.DataFrame({"heat": 2 * season + rng.normal(size=rows), "kind": np.where(rng.random(rows) < 0.5, "a", "b")})


def test_a_season_shows_in_the_column_that_has_one():
    found = ordinary(year(0), SCHEMA, 250)

    assert found["heat"] > 0.5
    assert found["kind"] < 0.15


def test_a_window_in_season_is_no_drift_beside_the_snapshots_own_windows():
    snapshot, summer = year(0), year(1).iloc[300:550]

    plain = measure("m", 1, profile(snapshot, SCHEMA), profile(summer, SCHEMA))
    seasonal = measure("m", 1, profile(snapshot, SCHEMA), profile(summer, SCHEMA), limits=ordinary(snapshot, SCHEMA, 250))

    assert plain.drifted == ("heat",)
    assert seasonal.drifted == ()


def test_a_window_beyond_every_season_still_drifts():
    snapshot, hotter = year(0), year(1).iloc[300:550] + {"heat": 3.0, "kind": ""}

    found = measure("m", 1, profile(snapshot, SCHEMA), profile(hotter, SCHEMA), limits=ordinary(snapshot, SCHEMA, 250))

    assert found.drifted == ("heat",)


@pytest.mark.parametrize("rows", [1_001, 100_000])
def test_a_snapshot_too_short_for_such_windows_says_nothing(rows):
    assert ordinary(year(0), SCHEMA, rows) == {}


def test_a_column_without_values_is_left_out():
    assert "heat" not in ordinary(year(0).assign(heat=np.nan), SCHEMA, 250)
