"""`driftgate up` on a new project with tokens: the first one is shown once, opens the API, and stands in no log."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e.projects import SETTINGS, bare_environment, clients
from tests.e2e.services import PATIENCE, free_port

pytestmark = pytest.mark.slow


def up(project: Path, port: int, token: str | None) -> str:
    """What `up` says until it serves, and is then asked to stop. `token`: the one to call it with; None: the one that it shows."""
    command = [sys.executable, "-P", "-m", "driftgate.service", "--project", str(project), "up"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=project, env=bare_environment())
    assert process.stdout is not None
    try:
        said = b""
        while b"Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        shown = token or next(word for word in said.decode().split() if word.startswith("dg_"))
        deadline = time.monotonic() + PATIENCE
        while (status := asked(port, shown)) != 200:
            assert time.monotonic() < deadline, status
            time.sleep(0.3)
    finally:
        os.kill(process.pid, signal.SIGTERM)
        rest = process.communicate(timeout=90)[0]
    return (said + rest).decode()


def asked(port: int, token: str) -> int | str:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/v1/status", headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code
    except httpx.TransportError as error:
        return str(error)


def test_the_first_token_of_up_is_shown_once_and_in_no_log(tmp_path: Path) -> None:
    port = free_port()
    clients(50, 1, 2.0).to_csv(tmp_path / "first.csv", index=False)
    service = f'[service]\nauth = "token"\nport = {port}\nmlflow_ui = {free_port()}\n'
    # A server's address, though nobody is there: `up` then starts no MLflow of its own, which this is not about.
    storage = f'[storage]\nmlflow = "http://127.0.0.1:{free_port()}"\n'
    (tmp_path / "driftgate.toml").write_text(storage + service + SETTINGS, encoding="utf-8")

    first = up(tmp_path, port, None)
    token = next(word for word in first.split() if word.startswith("dg_"))
    second = up(tmp_path, port, token)

    written = "".join(path.read_bytes().decode("latin-1") for path in (tmp_path / ".driftgate").rglob("*") if path.is_file())
    assert first.count("dg_") == 1
    assert "dg_" not in second
    assert token not in written
