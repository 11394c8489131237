"""The demo: the whole story, told on generated clients against the real processes over HTTP."""

import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from driftgate.lifecycle.errors import DriftgateError, InvalidRequest, Unavailable
from driftgate.service.demo_story import Story
from driftgate.service.processes import Group, stop_on_terminate
from driftgate.service.remote import Remote
from driftgate.service.settings import load

MARKER = ".driftgate-demo"
START_SECONDS = 90.0

CONFIGURATION = """\
# The demo's project: clients of a marketplace for creative work; will they leave?
[service]
port = {port}
mlflow_ui = {mlflow_ui}

[models.churn]
target = "churned"
positive = "yes"
entity = "client_id"
time = "event_time"

[models.churn.source]
path = "history.csv"

[models.churn.gates]
tests = ["tests_of_the_model.py"]
"""

USER_TESTS = '''\
"""What this team wants of every candidate, whatever its log-loss."""


def test_probabilities_are_spread(candidate, holdout):
    chance = candidate.predict_proba(holdout)[:, 1]

    assert chance.max() - chance.min() > 0.2, "the candidate says the same of everybody"


def test_a_quiet_client_is_likelier_to_leave(candidate, holdout):
    busy, quiet = holdout.assign(activity_score=9.0), holdout.assign(activity_score=1.0)

    assert candidate.predict_proba(quiet)[:, 1].mean() > candidate.predict_proba(busy)[:, 1].mean()
'''


@dataclass(frozen=True)
class Addresses:
    """Where the demo's processes listen."""

    api: str
    mlflow: str


def tell_story(folder: Path, drift: float, *, leave: bool) -> None:
    """The story from an empty project to a rollback; then the addresses, and the processes go on unless `leave`."""
    project = _fresh(folder)
    ports = _free_ports(2)
    (project / "driftgate.toml").write_text(CONFIGURATION.format(port=ports[0], mlflow_ui=ports[1]), encoding="utf-8")
    (project / "tests_of_the_model.py").write_text(USER_TESTS, encoding="utf-8")
    addresses = Addresses(f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}")
    began = time.monotonic()
    story = Story(project, Remote(addresses.api), drift)
    story.write_history()
    group = Group(load(project))
    stop_on_terminate()
    with _running(group):
        _await_api(addresses.api, group)
        story.tell()
        click.echo(f"\nThe story took {time.monotonic() - began:.0f} s.")
        _say_where(addresses, project, story)
        if not leave:
            _serve_on(group)


def _fresh(folder: Path) -> Path:
    """An empty project folder: made, or emptied where an earlier demo left its mark. Raises InvalidRequest otherwise."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise InvalidRequest(f"{folder} holds files that no demo made: name another folder with --folder", field="folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARKER).write_text("Made by `driftgate demo`; the next demo empties this folder.\n", encoding="utf-8")
    return folder.resolve()


def _free_ports(count: int) -> Sequence[int]:
    """The usual ports where they are free, else any."""
    found = []
    for usual in (8000, 5000)[:count]:
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", usual)) == 0
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", 0 if taken else usual))
            found.append(int(probe.getsockname()[1]))
    return found


@contextmanager
def _running(group: Group) -> Iterator[None]:
    group.start()
    try:
        yield
    except KeyboardInterrupt:
        click.echo("stopping", err=True)
    finally:
        group.stop()


def _await_api(address: str, group: Group) -> None:
    deadline = time.monotonic() + START_SECONDS
    remote = Remote(address)
    while True:
        try:
            remote.get("/healthz")
        except DriftgateError as error:
            if time.monotonic() > deadline:
                raise Unavailable(f"the API did not start within {START_SECONDS:.0f} s; see {group.log('api')}") from error
            time.sleep(0.3)
        else:
            return


def _say_where(addresses: Addresses, project: Path, story: Story) -> None:
    click.echo(f"  dashboard     {addresses.api}/")
    click.echo(f"  API           {addresses.api}/docs")
    click.echo(f"  MLflow        {addresses.mlflow}/")
    click.echo(f"  drift report  {addresses.api}{story.report_path}")
    click.echo(f"  project       {project}")


def _serve_on(group: Group) -> None:
    click.echo("\nEverything keeps running: look around, then stop it with Ctrl-C.")
    while True:
        time.sleep(1)
        group.tend()
