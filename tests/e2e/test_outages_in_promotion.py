"""MLflow or the database goes away in the middle of a promotion and comes back: it finishes or refuses, and is never half."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from driftgate.lifecycle.flows import promoting
from driftgate.lifecycle.flows.promoting import PromotionRequest
from driftgate.lifecycle.ledger import Kind, State, verify
from driftgate.service import asking
from driftgate.service.bootstrap import wire
from driftgate.service.settings import load
from driftgate.service.work import run_promotion, run_retrain
from tests.databases import scratch_url
from tests.e2e.projects import SETTINGS, small_project
from tests.e2e.test_killed_worker import STEPS
from tests.e2e.tracking import Tracking, tracking_server
from tests.tcp_proxy import TcpProxy

pytestmark = pytest.mark.slow

SOAK = os.environ.get("DRIFTGATE_SOAK") == "1"
OUTAGE_SECONDS = 2.0
# Both versions are to pass, whichever serves: what is tested is the way there, not the verdict.
POLICY = """
[models.churn.gates]
standard = "non_inferior"
margin = 0.99
off = ["slices", "degradation", "calibration", "freshness", "replay", "cost", "data_quality"]
"""
OFF = {"slices", "degradation", "calibration", "freshness", "replay", "cost", "data_quality"}
Moment = tuple[str, int]
# Each step with which of its name it is. Whether the later version is the champion or the candidate moves some of those that read.
TAKEN: list[Moment] = [(step, STEPS[: n + 1].count(step)) for n, step in enumerate(STEPS) if step.split(".")[1] not in OFF]
POINT, DECIDE = ("registry.point_champion", 1), ("ledger.append", 2)


class Town:
    """A project with two versions, its MLflow server, and its database behind a proxy."""

    def __init__(self, project: Path, tracking: Tracking, database: TcpProxy) -> None:
        self.project, self.tracking, self.database = project, tracking, database

    def promoted_through(self, moment: Moment, away: Callable[[], None], back: Callable[[], None]) -> State:
        """How the promotion ended, before whose moment something went away for a while. It is checked to be whole."""
        for name in ("paused", "go"):
            (self.project / name).unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.e2e.paused_worker", str(self.project), moment[0], str(moment[1])]
        before = self.champion()
        with (
            (self.project / "paused_worker.log").open("wb") as log,
            subprocess.Popen(command, stdout=log, stderr=log, cwd=Path(__file__).parents[2]) as worker,
        ):
            try:
                while not (self.project / "paused").exists():
                    assert worker.poll() is None, self.said()
                    time.sleep(0.05)
                away()
                (self.project / "go").touch()
                time.sleep(OUTAGE_SECONDS)
                back()
                assert worker.wait(300) == 0, self.said()
            finally:
                worker.kill()
        return self.checked(before)

    def said(self) -> str:
        return (self.project / "paused_worker.log").read_text()[-3000:]

    def champion(self) -> int | None:
        parts = wire(load(self.project), lambda _: None)
        try:
            return parts.app.ledger.champion("churn")
        finally:
            parts.close()

    def checked(self, before: int | None) -> State:
        parts = wire(load(self.project), lambda _: None)
        try:
            ledger = parts.app.ledger
            promotion = promoting.found((self.project / "promotion.txt").read_text(), ledger)
            kinds = [event.kind for event in ledger.events(subject=promotion.id)]
            verify(ledger.events())
            assert parts.app.registry.champion_alias("churn") == ledger.champion("churn")
            if promotion.state is State.PROMOTED:
                assert kinds == [Kind.REQUESTED, Kind.JUDGED, Kind.DECIDED, Kind.APPLIED]
                assert ledger.champion("churn") == promotion.version
            else:
                assert Kind.DECIDED not in kinds
                assert ledger.champion("churn") == before
            return promotion.state
        finally:
            parts.close()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("outages")
    with scratch_url("postgres", folder) as url, tracking_server(folder) as tracking:
        address = make_url(url)
        with TcpProxy(str(address.host), address.port or 5432) as proxy:
            through = address.set(port=proxy.port).render_as_string(hide_password=False)
            project = small_project(folder / "project", rows=800)
            storage = f'[storage]\nmlflow = "http://127.0.0.1:{tracking.port}"\ndatabase = "{through}"\n'
            (project / "driftgate.toml").write_text(storage + SETTINGS + POLICY)
            _two_versions(project)
            yield Town(project, tracking, proxy)


def _two_versions(project: Path) -> None:
    """Version 1 is champion, and version 2 was fitted on the same rows. In this process: each command would load MLflow anew."""
    parts = wire(load(project), lambda _: None)
    try:
        app, policy = parts.app, parts.app.settings.policy("churn")
        for _ in range(2):
            run_retrain(app, asking.retraining(app.settings, "churn", "test", reason="", search=False, data=None))
        wish = PromotionRequest("first", "churn", 1, None, "test")
        assert run_promotion(app, promoting.request(wish, app.ledger).id, policy)["state"] == "promoted"
    finally:
        parts.close()


@pytest.mark.parametrize("moment", [each for each in TAKEN if not each[0].startswith("ledger.")] if SOAK else [POINT])
def test_an_mlflow_server_that_is_killed_and_started_again_leaves_no_half_promotion(town: Town, moment: Moment) -> None:
    assert town.promoted_through(moment, town.tracking.kill, town.tracking.start) in (State.PROMOTED, State.FAILED)


@pytest.mark.parametrize("moment", [each for each in TAKEN if each[0].startswith("ledger.")] if SOAK else [DECIDE])
def test_a_database_that_goes_away_and_comes_back_leaves_no_half_promotion(town: Town, moment: Moment) -> None:
    assert town.promoted_through(moment, town.database.refuse, town.database.forward) in (State.PROMOTED, State.FAILED)
