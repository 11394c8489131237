"""A season that the snapshot knows, through a whole look: an alarm by distance, and none beside the snapshot's own windows."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.findings import Finding, Monitor
from driftgate.lifecycle.versions import Version
from tests.integration.service import test_watching as watching
from tests.integration.service.test_watching import Scene, Shelf, frame, of

pytestmark = pytest.mark.slow

TRAIN, SEASONS = 1_500, 4
ROWS = 200


def season(rows: int, seed: int) -> pd.DataFrame:
    """Rows in order, whose `score` goes up and down `SEASONS` times."""
    found = frame(rows, seed)
    wave = np.sin(np.arange(rows) / rows * 2 * np.pi * SEASONS)
    return found.assign(score=np.clip(0.5 + 0.35 * wave + 0.1 * (found["score"] - 0.5), 0, 1))


class Seasonal(Shelf):
    """The snapshot of four seasons, the last quarter of it the holdout."""

    def snapshot(self, _: Version, part: str) -> pd.DataFrame:
        rows = season(2_000, 1)
        kept = rows[:TRAIN] if part == "train" else rows[TRAIN:]
        return self._whole("snapshot", kept.reset_index(drop=True))


def drifted(folder: Path, monkeypatch: pytest.MonkeyPatch, own: str, rows: pd.DataFrame) -> Finding:
    settings = watching.SETTINGS.replace('target = "churned"', 'target = "churned"\ntime = "row_order"')
    monkeypatch.setattr(watching, "SETTINGS", f"{settings}\n[models.churn.drift]\nown_windows = {own}\n")
    folder.mkdir()
    scene = Scene(folder, shelf=Seasonal())
    scene.answered(rows)
    seen = scene.look()
    assert seen.problems == ()
    return of(seen, Monitor.DATA_DRIFT)["score"]


def test_a_window_in_season_alarms_by_distance_and_not_beside_the_snapshots_own_windows(tmp_path: Path, monkeypatch: Any) -> None:
    summer = season(2_000, 5).iloc[30:230].reset_index(drop=True)

    with monkeypatch.context() as plain:
        by_distance = drifted(tmp_path / "distance", plain, "false", summer)
    with monkeypatch.context() as own:
        by_season = drifted(tmp_path / "season", own, "true", summer)

    assert (by_distance.alarms, by_season.alarms) == (True, False)
    assert by_distance.value == by_season.value
    assert by_distance.limit is not None
    assert by_season.limit is not None
    assert by_distance.limit < 0.2
    assert by_season.limit > 0.8


def test_a_window_beyond_every_season_alarms_either_way(tmp_path: Path, monkeypatch: Any) -> None:
    beyond = season(2_000, 5).iloc[30:230].assign(score=lambda rows: rows["score"] + 0.8).reset_index(drop=True)

    with monkeypatch.context() as own:
        assert drifted(tmp_path / "season", own, "true", beyond).alarms
