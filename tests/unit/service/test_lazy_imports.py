"""Help and usage errors answer without a heavy library: docs/discussions/imports.md."""

import json
import subprocess
import sys

HEAVY = ["mlflow", "evidently", "sklearn", "xgboost", "scipy", "matplotlib", "pandas", "dbos"]
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
