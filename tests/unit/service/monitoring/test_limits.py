"""Limits by loss and by season, of a real simulation and real windows of small snapshots."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import DigestMismatch, NotFound
from driftgate.lifecycle.ports import Scorer
from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.versions import Version
from driftgate.reports.drift.ordinary import ordinary
from driftgate.reports.shift.envelope import furthest
from driftgate.service.examining import MeasuringExaminer
from driftgate.service.monitoring.limits import limits
from driftgate.service.monitoring.references import Reference
from driftgate.service.settings import load
from tests.builders import a_schema, a_version
from tests.fakes import FakePayloadLog
from tests.filed import filed

ROWS, HOLDOUT, WINDOW = 1_500, 500, 200
TIMED = a_schema(time="day")
SETTINGS = """
[models.churn]
target = "churned"
time = TIME
source = {path = "churn.csv"}

[models.churn.drift]
materiality_by = "BY"
own_windows = OWN

[models.churn.monitoring]
loss_growth = TOLERATED
"""


def seasonal(rows: int) -> pd.DataFrame:
    """Rows in the order of `day`: `score` goes up and down four times, `plan` does not."""
    rng = np.random.default_rng(0)
    score = np.clip(0.5 + 0.4 * np.sin(np.arange(rows) / rows * 8 * np.pi) + rng.normal(0, 0.05, rows), 0, 1)
    churned = np.where(rng.random(rows) < 0.2 + 0.6 * score, "yes", "no").astype(object)
    day = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(rows), unit="h")
    return pd.DataFrame({"score": score, "plan": rng.choice(["basic", "pro"], rows).astype(object), "churned": churned, "day": day})


class Steep(Scorer):
    """Answers by `score` alone, and too surely, so that a change of it costs; `plan` costs nothing."""

    schema = a_schema()

    def score(self, rows: Any) -> Any:
        chance = 1 / (1 + np.exp(-6 * (rows["score"].fillna(0.5).to_numpy(dtype=float) - 0.5)))
        return np.column_stack([1 - chance, chance])

    def score_rows(self, rows: Sequence[Any]) -> Any:
        return self.score(pd.DataFrame(list(rows)))


class Shelf:
    """One version with its snapshot, in that order or shuffled; the rows are not to be had where they are `gone`."""

    def __init__(self, order: Any = None, *, gone: bool = False) -> None:
        rows = seasonal(ROWS + HOLDOUT)
        self._rows = rows if order is None else rows.iloc[order].reset_index(drop=True)
        self._gone = gone

    def scorer(self, _: Version) -> Scorer:
        return Steep()

    def snapshot(self, version: Version, part: str) -> pd.DataFrame:
        if self._gone:
            raise DigestMismatch("the snapshot is not the one registered")
        kept = self._rows if version.schema.time else self._rows.drop(columns=["day"])
        return (kept[:ROWS] if part == "train" else kept[ROWS:]).reset_index(drop=True)

    def snapshot_file(self, version: Version, part: str) -> Path:
        return filed(self.snapshot(version, part))

    def model_folder(self, _: Version) -> Path:
        raise NotFound("no user test runs here")

    def profile(self, _: Version) -> Path | None:
        return None

    def keep_profile(self, _: Version, file: Path) -> Path:
        return file


def found(
    folder: Path,
    by: str = "distance",
    *,
    own: bool = False,
    time: str | None = "row_order",
    shelf: Shelf | None = None,
    schema: Schema | None = None,
    tolerated: float = 0.1,
    window: int = WINDOW,
) -> tuple[Reference, Mapping[str, float]]:
    text = SETTINGS.replace("BY", by).replace("OWN", str(own).lower()).replace("TOLERATED", str(tolerated))
    text = text.replace("time = TIME\n", "" if time is None else f'time = "{time}"\n')
    (folder / "driftgate.toml").write_text(text, encoding="utf-8")
    settings, rows = load(folder, {}), shelf or Shelf()
    version = a_version(schema=schema or a_schema())
    reference = Reference(version, rows, MeasuringExaminer(settings, rows, FakePayloadLog(), lambda _: None), settings)
    return reference, limits(reference, version.schema, window)


def test_by_default_no_column_has_a_limit_of_its_own_and_no_row_is_read(tmp_path: Path) -> None:
    assert found(tmp_path, shelf=Shelf(gone=True))[1] == {}


def test_by_loss_a_costly_column_has_the_drift_at_which_the_loss_passes_what_is_tolerated(tmp_path: Path) -> None:
    reference, at = found(tmp_path, "loss", tolerated=0.02)
    curves = {
        (point.kind, point.magnitude < 1): point.growth.upper
        for point in reference.points
        if point.feature == "score" and 0 < point.effects.get("normalised_wasserstein", 0.0) <= at["score"]
    }

    assert 0 < at["score"] < (furthest("score", reference.points) or 0)
    assert all(upper is not None and upper <= 0.02 for upper in curves.values()), curves


def test_the_more_loss_is_tolerated_the_further_a_costly_column_may_move(tmp_path: Path) -> None:
    strict, lenient = (found(tmp_path, "loss", tolerated=growth)[1] for growth in (0.01, 0.04))

    assert strict["score"] < lenient["score"]


def test_by_loss_a_column_that_costs_nothing_may_move_as_far_as_was_simulated(tmp_path: Path) -> None:
    reference, at = found(tmp_path, "loss")

    assert at["plan"] == furthest("plan", reference.points)
    assert at["plan"] > 0


def test_by_loss_without_the_holdout_there_are_no_limits_but_the_reason(tmp_path: Path) -> None:
    with pytest.raises(DigestMismatch, match="not the one registered"):
        found(tmp_path, "loss", shelf=Shelf(gone=True))


def test_a_season_of_the_snapshot_raises_the_limit_of_its_column_only(tmp_path: Path) -> None:
    _, at = found(tmp_path, own=True)

    assert at["score"] > 0.5
    assert at["plan"] == pytest.approx(max(0.05, ordinary(seasonal(ROWS + HOLDOUT), a_schema(), WINDOW)["plan"]))


def test_a_longer_window_lies_closer_to_the_rest_and_no_limit_is_below_that_of_the_settings(tmp_path: Path) -> None:
    _, at = found(tmp_path, own=True, window=500)

    assert at["plan"] >= 0.05
    assert 0.1 <= at["score"] < found(tmp_path, own=True)[1]["score"]


def test_windows_are_taken_in_the_order_of_the_time_column_whatever_the_order_of_the_rows(tmp_path: Path) -> None:
    shuffled = Shelf(np.random.default_rng(1).permutation(ROWS + HOLDOUT))

    assert found(tmp_path, own=True, time="day", shelf=shuffled, schema=TIMED)[1] == found(tmp_path, own=True, time="day", schema=TIMED)[1]


def test_rows_in_no_order_of_time_have_no_windows_of_their_own(tmp_path: Path) -> None:
    assert found(tmp_path, own=True, time=None)[1] == {}


def test_a_snapshot_too_short_for_such_windows_leaves_the_limits_of_the_settings(tmp_path: Path) -> None:
    assert found(tmp_path, own=True, window=ROWS)[1] == {}


def test_by_loss_and_by_season_the_larger_one_counts(tmp_path: Path) -> None:
    by_loss, by_season, both = (
        found(tmp_path, by, own=own, tolerated=0.02)[1] for by, own in (("loss", False), ("distance", True), ("loss", True))
    )

    assert by_loss["score"] < by_season["score"]
    assert both["score"] == by_season["score"]
    assert both["plan"] == max(by_loss["plan"], ordinary(seasonal(ROWS + HOLDOUT), a_schema(), WINDOW)["plan"])
