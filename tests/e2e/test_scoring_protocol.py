"""MLflow's own client against a running Driftgate, and against `mlflow models serve` of the same version."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from driftgate.registry.connection import loaded
from tests.e2e.projects import bare_environment, clients, small_project, told
from tests.e2e.services import PATIENCE, Service, free_port, service

pytestmark = pytest.mark.slow

ROWS = 40
CSV = {"Content-Type": "text/csv"}
FEATURES = {"score": 0.1, "visits": 3, "plan": "pro"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of one model, whose version 1 is champion."""
    folder = small_project(tmp_path_factory.mktemp("protocol"))
    told(folder, "retrain")
    told(folder, "promote", "1")
    return folder


@pytest.fixture(scope="module")
def driftgate(project: Path) -> Iterator[Service]:
    with service(project) as running:
        running.serving("churn", 1)
        yield running


@contextmanager
def mlflow_serving(project: Path) -> Iterator[Any]:
    """MLflow's client of a server that MLflow runs over the same version."""
    port = free_port()
    command = [
        str(Path(sys.executable).parent / "mlflow"),
        "models",
        "serve",
        "-m",
        "models:/churn/1",
        "--env-manager",
        "local",
        "--port",
        str(port),
    ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**bare_environment(), "MLFLOW_TRACKING_URI": f"sqlite:///{project}/.driftgate/mlflow.db", "PATH": path}
    with (project / "mlflow.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
        try:
            client = client_of(port)
            client.wait_server_ready(timeout=PATIENCE, scoring_server_proc=server)
            yield client
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=60)


def client_of(port: int) -> Any:
    return loaded("mlflow.pyfunc.scoring_server.client").ScoringServerClient("127.0.0.1", port)


def test_mlflows_client_gets_what_mlflows_server_would_have_answered(driftgate: Service, project: Path) -> None:
    ours = client_of(int(driftgate.address.rpartition(":")[2]))
    frame = clients(ROWS, 9, 0.8)
    rows = frame.to_csv(index=False).encode()

    with mlflow_serving(project) as theirs:
        ours.ping()
        answers = [client.invoke(frame) for client in (ours, theirs)]
        versions = [client.get_version() for client in (ours, theirs)]
        by_csv = [driftgate.client.post(f"{client.url_prefix}/invocations", content=rows, headers=CSV).json() for client in (ours, theirs)]

    assert len(answers[0]["predictions"]) == ROWS
    assert dict(answers[0]) == dict(answers[1])
    assert by_csv[0]["predictions"] == [pytest.approx(row, rel=1e-12) for row in by_csv[1]["predictions"]]
    assert versions[0] == versions[1]


def test_mlflows_client_is_told_what_is_wrong_with_a_row(driftgate: Service) -> None:
    ours = client_of(int(driftgate.address.rpartition(":")[2]))

    with pytest.raises(Exception, match=r"instances\[1\]\.features\.visits must be a number"):
        ours.invoke([FEATURES, {**FEATURES, "visits": "many"}])


def test_what_mlflows_client_asked_is_logged_like_any_other(driftgate: Service) -> None:
    row = {**FEATURES, "entity_id": "c-9", "prediction_id": "asked-by-mlflow"}
    ours = client_of(int(driftgate.address.rpartition(":")[2]))

    (first,) = ours.invoke([row])["predictions"]
    again = driftgate.post(
        "/v1/models/churn/predict", {"instances": [{"features": {**FEATURES, "score": 3.0}, "prediction_id": "asked-by-mlflow"}]}
    )

    assert again["predictions"][0]["entity_id"] == "c-9"
    assert again["predictions"][0]["probability"] == first[1]
