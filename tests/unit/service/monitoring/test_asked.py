"""What a pass asks for follows from settings, arms and schema, and from nothing that was measured."""

from dataclasses import replace
from pathlib import Path

import pytest

from driftgate.lifecycle.findings import Monitor
from driftgate.lifecycle.ledger import Challenge
from driftgate.service.monitoring.asked import asked
from driftgate.service.settings import load
from driftgate.service.settings_models import ModelTable
from tests.builders import a_schema

HEURISTIC = "[models.churn.arms]\nheuristic = 0.1\n[models.churn.heuristic]\nconstant = 'no'\n"


def table(folder: Path, more: str = "") -> ModelTable:
    (folder / "driftgate.toml").write_text(f"[models.churn]\nsource = {{path = 'churn.csv'}}\ntarget = 'churned'\n{more}")
    return load(folder, {}).models["churn"]


def names(found: ModelTable, monitor: Monitor, challenger: int | None = None) -> tuple[str, ...] | None:
    return next(
        (
            each.names
            for each in asked(a_schema(), found, None if challenger is None else Challenge(challenger, shadow_only=False))
            if each.monitor is monitor
        ),
        None,
    )


def test_a_limit_is_asked_for_while_it_is_set(tmp_path: Path) -> None:
    limited = table(tmp_path, "[models.churn.monitoring]\nlimits = {accuracy = 0.8}\n")

    assert names(limited, Monitor.PERFORMANCE) == ("accuracy", "loss_growth", "outcomes")
    assert names(table(tmp_path), Monitor.PERFORMANCE) == ("loss_growth", "outcomes")


def test_impact_is_asked_for_while_the_heuristic_gets_traffic(tmp_path: Path) -> None:
    assert names(table(tmp_path, HEURISTIC), Monitor.IMPACT) == ("heuristic", "decay")
    assert names(table(tmp_path), Monitor.IMPACT) == ()


def test_silence_is_asked_for_while_it_is_limited(tmp_path: Path) -> None:
    assert names(table(tmp_path), Monitor.TRAFFIC) == ("clocks",)
    assert names(table(tmp_path, "[models.churn.monitoring]\nsilence_hours = 24\n"), Monitor.TRAFFIC) is None


def test_columns_are_those_that_the_log_shows(tmp_path: Path) -> None:
    schema = a_schema()
    shown = replace(schema, columns=tuple(column for column in schema.columns if column.name != "plan"))

    found = next(each for each in asked(shown, table(tmp_path), None) if each.monitor is Monitor.DATA_DRIFT)

    assert found.names == ("score",)


@pytest.mark.parametrize(("challenger", "there"), [(None, False), (2, True), (3, False)])
def test_a_duel_is_asked_for_while_its_challenger_challenges(challenger: int | None, there: bool, tmp_path: Path) -> None:
    found = names(table(tmp_path), Monitor.CHALLENGER, challenger)

    assert found is not None
    assert ("2/arms/outcome" in found, "2/shadow/log_loss" in found) == (there, there)
