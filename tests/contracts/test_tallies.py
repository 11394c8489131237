"""Tallies on each database: added up within a window, and once however often they are recorded."""

from datetime import timedelta
from pathlib import Path

import pytest

from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.tallies import Tally
from driftgate.payloads.tallies import SqlTallies
from tests.builders import MODEL, NOON
from tests.databases import KINDS, Migrated

SECOND = timedelta(seconds=1)
WINDOW = Window(NOON, NOON + 10 * SECOND)


@pytest.fixture(params=KINDS)
def tallies(request: pytest.FixtureRequest, migrated_database: Migrated, tmp_path: Path) -> SqlTallies:
    return SqlTallies(migrated_database(request.param, tmp_path))


def a_tally(name: str, version: int = 2, start: int = 0, **counts: object) -> Tally:
    return Tally(name, MODEL, version, NOON + start * SECOND, NOON + (start + 2) * SECOND, **counts)


def test_a_total_is_of_the_version_and_of_what_lies_wholly_within_the_window(tallies):
    tallies.record(
        [
            a_tally("a", rows=5, failed=1, turned_away=2, times={3: 4, 70: 1}),
            a_tally("b", start=8, rows=1, times={3: 1}),
            a_tally("c", start=9, rows=100),
            a_tally("d", start=-1, rows=100),
            a_tally("e", version=1, rows=100),
        ]
    )

    found = tallies.total(MODEL, 2, WINDOW)

    assert (found.rows, found.failed, found.turned_away, found.times) == (6, 1, 2, {3: 5, 70: 1})


def test_a_repeat_changes_nothing_and_keeps_nobody_out(tallies):
    tallies.record([a_tally("a", rows=5)])

    tallies.record([a_tally("a", rows=5), a_tally("b", rows=2)])

    assert tallies.total(MODEL, 2, WINDOW).rows == 7


def test_old_tallies_are_forgotten(tallies):
    tallies.record([a_tally("a", rows=5), a_tally("b", start=5, rows=2)])

    assert tallies.forget(NOON + 3 * SECOND) == 1
    assert tallies.total(MODEL, 2, WINDOW).rows == 2
