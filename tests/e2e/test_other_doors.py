"""Other ways in: `mlflow run` on the repository's MLproject, and versions that foreign code registered."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.projects import bare_environment, clients, driftgate, small_project, told

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

FOREIGN = """
import sys
import mlflow, mlflow.sklearn, pandas as pd
from sklearn.linear_model import LogisticRegression

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("foreign")
rows = pd.read_csv("train.csv")
model = LogisticRegression().fit(rows[["score", "visits"]], rows["churned"])
with mlflow.start_run():
    mlflow.sklearn.log_model(
        model, name="model", registered_model_name="churn", serialization_format="cloudpickle", pip_requirements=["scikit-learn"]
    )
"""


def test_mlflow_run_retrains_a_project(tmp_path: Path) -> None:
    project = small_project(tmp_path / "project")
    command = [
        "mlflow",
        "run",
        str(ROOT),
        "-e",
        "retrain",
        "--env-manager",
        "local",
        "-P",
        f"project={project}",
        "-P",
        "reason=by mlflow run",
    ]
    environment = {
        **bare_environment(),
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/runs.db",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }

    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment, cwd=tmp_path, check=False)

    assert done.returncode == 0, done.stderr
    assert told(project, "status")["models"][0]["candidate"] == 1


def test_a_version_of_foreign_code_is_adopted_judged_and_promoted(tmp_path: Path) -> None:
    project = small_project(tmp_path / "project")
    settings = (project / "driftgate.toml").read_text()
    (project / "driftgate.toml").write_text(settings.replace('time = "row_order"', 'features = ["score", "visits"]'))
    rows = clients(1600, 1, 0.8)
    rows[:1200].to_csv(project / "train.csv", index=False)
    rows[1200:].to_csv(project / "holdout.csv", index=False)
    (project / "foreign.py").write_text(FOREIGN)
    store = f"sqlite:///{project}/.driftgate/mlflow.db"
    subprocess.run([sys.executable, "foreign.py", store], check=True, cwd=project, capture_output=True, timeout=240)

    unbound = driftgate(project, "promote", "1")
    adopted = told(project, "adopt", "1", "--train", "train.csv", "--holdout", "holdout.csv")
    promotion = told(project, "promote", "1")
    drift = told(project, "drift", "--current", "holdout.csv", "--no-html")

    assert unbound.code == 1
    assert set(adopted) >= {"model", "version", "run_id", "snapshot_sha256", "metrics"}
    assert adopted["metrics"]["roc_auc"] > 0.6
    assert promotion["state"] == "promoted"
    assert drift["verdict"] == "pass"
