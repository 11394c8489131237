import time

import numpy as np
import pytest

from driftgate.reports.gates import cost
from tests.fakes import FakeScorer


class Slow(FakeScorer):
    def score(self, frame):
        time.sleep(0.002)
        return super().score(frame)


class Large(FakeScorer):
    def score(self, frame):
        self.kept = np.ones(2_000_000)
        return super().score(frame)


@pytest.fixture
def subject(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(b"x" * 500_000)

    def made(number=2, scorer=FakeScorer):
        return cost.Subject(number, scorer(), scorer, tmp_path, list(range(64)))

    return made


def test_a_slower_version_shows_beside_the_champion(subject):
    found = cost.measure(subject(2, Slow), subject(1))

    assert found.batch_rows == 64
    assert found.candidate.calls == found.champion.calls == cost.ROUNDS * cost.CALLS
    assert min(found.candidate.p99_ms, found.candidate.median_ms) >= 2.0 > found.champion.median_ms
    assert found.champion_version == 1


def test_the_artifact_counts_with_all_its_files(subject):
    assert cost.measure(subject()).candidate.artifact_mb == 0.5


def test_memory_is_what_loading_and_scoring_hold_at_most(subject):
    found = cost.measure(subject(2, Large), subject(1))

    assert 16.0 <= found.candidate.memory_mb < 17.0
    assert found.champion.memory_mb < 1.0


def test_without_a_champion_there_is_nothing_beside_it(subject):
    found = cost.measure(subject())

    assert (found.champion, found.champion_version) == (None, None)


def test_a_very_slow_version_is_not_called_for_ever(subject, monkeypatch):
    monkeypatch.setattr(cost, "SECONDS", 0.0)

    assert cost.measure(subject()).candidate.calls == cost.CALLS
