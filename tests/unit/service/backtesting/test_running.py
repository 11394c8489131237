"""One backtest: what its folder is named after, what it refuses, and what its document holds."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from driftgate.lifecycle.backtests import Record, Turn
from driftgate.lifecycle.errors import Busy, InvalidData, InvalidRequest
from driftgate.lifecycle.flows.backtesting import POLICIES
from driftgate.service.backtesting.running import Wish, backtest, documented, prepared
from driftgate.service.settings import Settings, load
from tests.unit.service.backtesting.histories import SETTINGS, dated, project

WISH = Wish("churn", every="20d", delay="5d", watched=False)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def document(settings: Settings) -> dict[str, Any]:
    return backtest(settings, WISH, lambda _done, _all: None)


def test_the_document_holds_what_the_contract_names(document: dict[str, Any]) -> None:
    assert set(document["policies"]) == {"never", "always", "latest", "policy"}
    for policy in document["policies"].values():
        assert {"mean_loss", "promotions", "corrupted_promoted", "losses"} <= set(policy)
        assert len(policy["losses"]) == len(document["periods"])
    assert (document["every"], document["delay"], document["loss"]) == ("20d", "5d", "log_loss")
    assert document["policies"]["always"]["promotions"] == len(document["periods"]) - 1


def test_the_page_and_the_plot_are_where_the_document_says(document: dict[str, Any]) -> None:
    assert Path(document["plot"]).read_bytes().startswith(b"\x89PNG")
    page = Path(document["html"]).read_text(encoding="utf-8")
    assert all(period["name"] in page for period in document["periods"])
    assert "data:image/png;base64," in page


def test_a_second_run_takes_every_period_from_the_first(settings: Settings, document: dict[str, Any]) -> None:
    steps: list[tuple[int, int]] = []

    again = backtest(settings, WISH, lambda done, every: steps.append((done, every)))

    count = len(document["periods"])
    assert steps == [(count, count)]
    assert again == {**document, "resumed_periods": count}


def test_fresh_begins_anew_and_comes_to_the_same(settings: Settings, document: dict[str, Any]) -> None:
    steps: list[tuple[int, int]] = []

    again = backtest(settings, replace(WISH, fresh=True), lambda done, every: steps.append((done, every)))

    assert [done for done, _ in steps] == list(range(len(document["periods"]) + 1))
    assert again == document


@pytest.mark.parametrize(
    "other",
    [
        {"every": "15d"},
        {"delay": "6d"},
        {"corrupt": 0.5},
        {"corrupt": 0.5, "seed": 7},
        {"watched": True},
        {"time": "row_order", "every": "100", "delay": "0"},
    ],
)
def test_whatever_the_answer_depends_on_makes_another_folder(settings: Settings, other: dict[str, Any]) -> None:
    assert prepared(settings, replace(WISH, **other)).folder != prepared(settings, WISH).folder


def test_another_policy_or_other_rows_make_another_folder(settings: Settings, tmp_path: Path) -> None:
    first = prepared(settings, WISH).folder.name
    stricter = project(tmp_path / "stricter", settings=f"{SETTINGS}confidence = 0.99\n")
    longer = project(tmp_path / "longer", dated(910))
    same = project(tmp_path / "same")

    assert prepared(stricter, WISH).folder.name != first
    assert prepared(longer, WISH).folder.name != first
    assert prepared(same, WISH).folder.name == first


def test_the_delay_is_the_models_own_where_none_is_named(tmp_path: Path) -> None:
    own = project(tmp_path, settings=f"{SETTINGS}\n[models.churn.outcomes]\nmaturity_days = 12\n")

    assert prepared(own, replace(WISH, delay=None)).said["delay"] == "12d"
    assert prepared(own, replace(WISH, time="row_order", every="100", delay=None)).said["delay"] == "0"


@pytest.mark.parametrize(("time", "every", "delay"), [("day", "20d", "100"), ("day", "20d", "1M"), ("row_order", "100", "5d")])
def test_a_delay_of_the_wrong_kind_is_refused(settings: Settings, time: str, every: str, delay: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        prepared(settings, Wish("churn", time=time, every=every, delay=delay))

    assert refused.value.field == "delay"


def test_the_same_backtest_does_not_run_twice_at_a_time(settings: Settings, document: dict[str, Any]) -> None:
    from filelock import FileLock

    with FileLock(Path(document["html"]).parent / "lock"), pytest.raises(Busy, match="runs already"):
        backtest(settings, WISH, lambda _done, _all: None)


def test_a_history_in_which_nothing_can_be_fitted_says_why(tmp_path: Path) -> None:
    frame = dated()
    settings = project(tmp_path, frame.assign(churned=["yes", *["no"] * (len(frame) - 1)]))

    with pytest.raises(InvalidData, match=r"no period had a version.*could not be fitted"):
        backtest(settings, WISH, lambda _done, _all: None)


def test_a_number_that_is_not_finite_is_null(settings: Settings) -> None:
    ready = prepared(settings, WISH)
    turns = {name: Turn(1, promoted=False, verdict="fail", reasons=(), loss=float("nan")) for name in POLICIES}

    found = documented(ready, [Record(ready.periods[0], 1, turns=turns)])

    assert found["policies"]["policy"]["mean_loss"] is None
    assert found["policies"]["policy"]["losses"] == [None]


def test_the_project_is_left_as_it_was(settings: Settings, document: dict[str, Any]) -> None:
    del document

    assert sorted(path.name for path in settings.state.iterdir()) == ["backtests"]
    assert load(settings.project) == settings
