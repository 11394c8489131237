"""What a successful promotion leaves behind, on every shelf, holds none of MLflow's credentials."""

import base64
from pathlib import Path

import pytest

from tests.e2e.projects import SETTINGS, driftgate, small_project
from tests.e2e.services import service
from tests.e2e.tracking import tracking_server

pytestmark = pytest.mark.slow

USER, OF_ADDRESS, OF_ENVIRONMENT = "svc-user", "pw-in-the-url-91", "pw-of-the-environment-92"
SECRETS = [OF_ADDRESS, OF_ENVIRONMENT, *(base64.b64encode(f"{USER}:{word}".encode()).decode() for word in (OF_ADDRESS, OF_ENVIRONMENT))]
WAYS = {
    "in the address": (f"{USER}:{OF_ADDRESS}@", {}),
    "in the environment": ("", {"MLFLOW_TRACKING_USERNAME": USER, "MLFLOW_TRACKING_PASSWORD": OF_ENVIRONMENT}),
}


def holding(folder: Path) -> dict[str, list[str]]:
    """Every file below the folder that holds a secret: tables, ledger, queue, cache, reports, MLflow's store and artifacts."""
    found = {}
    for path in (path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes().decode("latin-1")
        if held := [secret for secret in SECRETS if secret in content]:
            found[str(path.relative_to(folder))] = held
    return found


@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_a_promotion_leaves_behind_holds_credentials(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_info, environment = WAYS[way]
    with tracking_server(tmp_path) as tracking:
        project = small_project(tmp_path / "project", rows=800)
        (project / "driftgate.toml").write_text('[storage]\nmlflow = "env:MLFLOW_OF_THE_TEAM"\n' + SETTINGS)
        around = {"MLFLOW_OF_THE_TEAM": f"http://{user_info}127.0.0.1:{tracking.port}", **environment}
        said = [
            driftgate(project, *words, environment=around)
            for words in (("retrain",), ("promote", "1"), ("simulate", "1"), ("audit", "export"), ("status",), ("card", "1"))
        ]
        for name, value in around.items():
            monkeypatch.setenv(name, value)
        with service(project) as running:
            running.serving("churn", 1)
            answers = [running.get(f"/v1/models/churn/{path}") for path in ("versions/1", "promotions", "reports", "policy")]
        versions = len(list(tmp_path.glob("artifacts/**/model.pkl")))

    assert [answer.code for answer in said] == [0] * len(said), [answer.err for answer in said]
    assert versions, "no version was kept by the server"
    words = "".join(answer.out + answer.err for answer in said) + str(answers)
    assert [secret for secret in SECRETS if secret in words] == []
    assert holding(tmp_path) == {}
