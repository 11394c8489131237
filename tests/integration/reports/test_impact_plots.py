import pytest

from driftgate.lifecycle.payloads import Arm
from driftgate.reports.impact.arms import measure
from driftgate.reports.impact.duels import Match, duels
from driftgate.reports.impact.plots import draw
from tests.builders import MODEL, a_schema
from tests.unit.reports.impact.traffic import GOOD, TERMS, arm_rows, recorded

PNG = b"\x89PNG\r\n\x1a\n"


def pictures(folder, challenger=0.9, entities=400):
    rows = (
        arm_rows(Arm.CHAMPION, 0.8, entities, rows=2),
        arm_rows(Arm.CHALLENGER, challenger, entities, version=2, rows=2),
        arm_rows(Arm.HEURISTIC, 0.7, entities, rows=2),
    )
    return draw(measure(MODEL, TERMS, recorded(*rows)), duels(Match(1, 2, GOOD, a_schema()), recorded(*rows)), folder)


@pytest.mark.parametrize("entities", [400, 60, 3])
def test_impact_and_each_duel_are_drawn_whatever_is_undecided(entities, tmp_path):
    names = pictures(tmp_path / "plots", entities=entities)

    assert names == ("impact.png", "challenger-arms-outcome.png", "challenger-arms-log_loss.png")
    assert all((tmp_path / "plots" / name).read_bytes().startswith(PNG) for name in names)


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        pictures(tmp_path / name)

    assert (tmp_path / "one" / "impact.png").read_bytes() == (tmp_path / "two" / "impact.png").read_bytes()


def test_nothing_to_draw_draws_nothing(tmp_path):
    assert draw(measure(MODEL, TERMS, recorded()), (), tmp_path) == ()
