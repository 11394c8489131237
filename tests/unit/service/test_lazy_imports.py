"""Help, usage errors and the drift of a window answer without heavy libraries: docs/discussions/imports.md."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from driftgate.lifecycle.ledger import Kind
from driftgate.lifecycle.payloads import Output
from driftgate.registry.artifacts import ArtifactCache
from driftgate.registry.profiles import KeptProfiles
from driftgate.reports.profiles import storing
from driftgate.reports.profiles.frame import VersionProfile, outputs_profile, profile
from driftgate.service.bootstrap import Running, wire
from driftgate.service.settings import load
from tests.builders import MODEL, a_payload, a_schema, a_version, an_event

HEAVY = ["mlflow", "evidently", "sklearn", "xgboost", "scipy", "matplotlib", "pandas", "dbos", "authlib", "joserfc"]
SCRIPT = f"""
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from driftgate.service.cli.main import cli, main

loaded = {{}}
lines = [["--help"], ["nonsense"], ["promote", "--nonsense"], *([name, "--help"] for name in cli.commands)]
for line in lines:
    sys.argv = ["driftgate", *line]
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        try:
            main()
        except SystemExit as end:
            code = end.code
    loaded[" ".join(line)] = [code, [name for name in {HEAVY!r} if name in sys.modules]]
print(json.dumps(loaded))
"""


def test_help_and_usage_errors_import_nothing_heavy() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, timeout=60)

    answers = json.loads(ran.stdout.splitlines()[-1])

    assert {line: heavy for line, (_, heavy) in answers.items() if heavy} == {}
    assert {line: code for line, (code, _) in answers.items() if code != (0 if "--help" in line else 2)} == {}


PROJECT = """
[models.churn]
target = "churned"
source = {path = "churn.csv"}
"""
TOO_HEAVY = ["mlflow", "evidently", "sklearn", "xgboost", "scipy", "matplotlib", "alembic", "dbos", "fastapi", "boto3", "pandas"]
DRIFT = f"""
import json, sys
from driftgate.service.cli.main import main

sys.argv = ["driftgate", "--project", sys.argv[1], "drift", "--since", "7d", "--no-html", "--json"]
try:
    main()
finally:
    print(json.dumps([name for name in {TOO_HEAVY!r} if name in sys.modules]), file=sys.stderr)
"""


class Artifacts:
    """An artifact store that takes everything and keeps nothing."""

    @contextmanager
    def answering(self) -> Iterator["Artifacts"]:
        yield self

    def log_artifact(self, run_id: str, file: str, folder: str) -> None:
        assert run_id
        assert Path(file).is_file()
        assert folder


def a_window(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    sure = rng.random(rows)
    return pd.DataFrame({"score": rng.random(rows), "plan": rng.choice(["basic", "pro"], rows)}), np.column_stack([1 - sure, sure])


def served(parts: Running, folder: Path) -> None:
    """Version 1 is champion, its profile is kept, and 200 payloads of the last days are logged and shipped."""
    version = a_version(1)
    parts.registry._bindings.keep(version, "k1")
    for event in (an_event(), an_event(Kind.DECIDED), an_event(Kind.APPLIED, body={"alias": 1})):
        parts.app.ledger.append(event)
    frame, outputs = a_window(300, seed=0)
    storing.write(
        VersionProfile(profile(frame, a_schema()), outputs_profile(a_schema(), outputs), version.snapshot.sha256), folder / "made"
    )
    cache = ArtifactCache(parts.app.settings.state / "cache")
    KeptProfiles(Artifacts(), parts.registry._bindings, cache).keep(version, folder / "made")
    rows, answers = a_window(200, seed=1)
    now = datetime.now(UTC)
    parts.payloads.append(
        [
            a_payload(
                f"p{at}",
                features={"score": float(row.score), "plan": row.plan},
                output=Output("yes", tuple(answers[at].tolist())),
                event_time=now - timedelta(hours=1 + at / 10),
                arrival_time=now,
            )
            for at, row in enumerate(rows.itertuples())
        ]
    )
    parts.payloads.ship()


def test_drift_against_a_kept_profile_without_a_page_imports_nothing_that_draws_fits_or_tracks(tmp_path: Path) -> None:
    (tmp_path / "driftgate.toml").write_text(PROJECT, encoding="utf-8")
    parts = wire(load(tmp_path, {}), print)
    served(parts, tmp_path)
    parts.close()

    ran = subprocess.run([sys.executable, "-c", DRIFT, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False)

    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert (document["rows"], document["reference_rows"], document["verdict"]) == (200, 300, "pass")
    assert document["prediction"]["rows"] == 200
    assert json.loads(ran.stderr.splitlines()[-1]) == []
    assert document["model"] == MODEL
