from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import NotFound
from driftgate.lifecycle.payloads import Arm
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.ports import Scorer
from driftgate.lifecycle.schema import Column, ColumnKind
from driftgate.lifecycle.versions import Version
from driftgate.service.gate_measures import GateMeasures
from driftgate.service.settings import load
from tests.builders import MODEL, NOON, a_payload, a_schema, a_version
from tests.fakes import FakePayloadLog, FakeScorer

SETTINGS = """
[storage]
hash_key = "env:HASH_KEY"

[models.churn]
source = { path = "rows.csv" }
target = "churned"
time = "row_order"
MORE
"""
POLICY = Policy()
VERSION = a_version(2)


def rows(count: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    plan, churned = (pd.Series(rng.choice(np.array(pair, dtype=object), count), dtype=object) for pair in (["basic", "pro"], ["no", "yes"]))
    return pd.DataFrame({"score": rng.normal(shift, 1, count), "plan": plan, "churned": churned})


@dataclass
class Shelf:
    """Versions by number, each with rows whose scores lie around `shifts`."""

    shifts: dict[int, float] = field(default_factory=dict)

    def scorer(self, version: Version) -> Scorer:
        return FakeScorer(version.schema, answer=(0.3, 0.7))

    def loaded_anew(self, version: Version) -> Scorer:
        return self.scorer(version)

    def snapshot(self, version: Version, part: str) -> pd.DataFrame:
        shift = self.shifts.get(version.number, 0.0)
        return rows(300, version.number, shift) if part == "train" else rows(150, 100 + version.number, shift)

    def model_folder(self, _: Version) -> Path:
        raise NotFound("there is no artifact")


def measures(folder: Path, log: FakePayloadLog | None = None, shelf: Shelf | None = None, more: str = "") -> GateMeasures:
    (folder / "driftgate.toml").write_text(SETTINGS.replace("MORE", more), encoding="utf-8")
    return GateMeasures(load(folder, {"HASH_KEY": "a key of enough letters"}), shelf or Shelf(), log or FakePayloadLog(), lambda _: None)


def asked(count: int, shift: float = 0.0, *, shipped: bool = True, **changes: Any) -> FakePayloadLog:
    log, given = FakePayloadLog(), rows(count, 7, shift)
    for place, (score, plan) in enumerate(zip(given["score"], given["plan"], strict=True)):
        when = NOON + timedelta(minutes=place)
        defaults = {"entity_id": f"c{place}", "event_time": when, "features": {"score": score, "plan": plan}}
        log.append([a_payload(f"p{place}", model=MODEL, **{**defaults, **changes})])
    if shipped:
        log.ship()
    return log


def test_without_payloads_nothing_is_fresh_or_replayed(tmp_path: Path) -> None:
    found = measures(tmp_path)

    assert (found.freshness(VERSION, None, POLICY).rows, found.freshness(VERSION, None, POLICY).shift) == (0, None)
    assert (found.replay(VERSION, POLICY).rows, found.replay(VERSION, POLICY).problem) == (0, None)


def test_answers_of_no_version_are_no_payloads_to_replay(tmp_path: Path) -> None:
    log = asked(5, version=None, arm=Arm.HEURISTIC)

    assert measures(tmp_path, log).replay(VERSION, POLICY).rows == 0


def test_the_newest_payloads_are_replayed_as_many_as_the_policy_asks_for(tmp_path: Path) -> None:
    found = measures(tmp_path, asked(20)).replay(VERSION, Policy(recent_rows=15))

    assert (found.asked, found.rows, found.errors, found.changed) == (15, 15, 0, 0)


def test_payloads_that_wait_to_be_shipped_are_among_the_newest(tmp_path: Path) -> None:
    fresh = measures(tmp_path, asked(20, shipped=False)).freshness(VERSION, None, POLICY)
    replayed = measures(tmp_path, asked(20, shipped=False)).replay(VERSION, POLICY)

    assert (fresh.rows, replayed.rows) == (20, 20)


@pytest.mark.parametrize("how", ["redact", "hash"])
def test_what_the_log_hides_cannot_be_replayed(tmp_path: Path, how: str) -> None:
    found = measures(tmp_path, asked(5), more=f'payloads = {{ {how} = ["plan"] }}').replay(VERSION, POLICY)

    assert found.problem is not None
    assert "does not hold plan" in found.problem


def test_a_feature_that_nobody_could_send_is_named_and_is_no_error(tmp_path: Path) -> None:
    schema = a_schema()
    wider = a_version(2, schema=a_schema(columns=(*schema.columns, Column("visits", ColumnKind.NUMERIC, low=0.0, high=9.0))))

    found = measures(tmp_path, asked(5)).replay(wider, POLICY)

    assert found.errors == 0
    assert found.problem == "the payloads cannot be scored again: none holds visits, which callers must send from now on"


def test_payloads_like_the_snapshot_are_held_against_nothing_else(tmp_path: Path) -> None:
    found = measures(tmp_path, asked(120)).freshness(VERSION, a_version(1), POLICY)

    assert found.shift is not None
    assert found.shift.auc is not None
    assert found.shift.auc.value < 0.65
    assert (found.champion_auc, found.own_auc) == (None, None)


def test_far_payloads_are_held_against_the_champions_snapshot(tmp_path: Path) -> None:
    shelf = Shelf({1: 5.0, 2: 0.0})

    found = measures(tmp_path, asked(120, 5.0), shelf).freshness(VERSION, a_version(1), POLICY)

    assert found.shift is not None
    assert found.shift.auc is not None
    assert found.champion_auc is not None
    assert found.shift.auc.value > 0.95
    assert found.champion_auc.value < 0.7


def test_without_a_champion_far_payloads_are_held_against_the_snapshots_own_newest_rows(tmp_path: Path) -> None:
    found = measures(tmp_path, asked(120, 5.0)).freshness(VERSION, None, POLICY)

    assert found.champion_auc is None
    assert found.own_auc is not None
    assert found.own_auc.value < 0.7


def test_a_champion_whose_features_the_holdout_lacks_lends_no_calibration(tmp_path: Path) -> None:
    other = a_version(1, schema=a_schema(target="churned", classes=("no", "yes"), columns=(Column("age", ColumnKind.NUMERIC),)))

    assert measures(tmp_path).calibration(VERSION, other, POLICY).champion is None
