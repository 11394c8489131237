"""Appending processes that are traced, killed, and run out of disk."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from driftgate.payloads.log import DurablePayloadLog
from driftgate.payloads.objects import FolderStore
from driftgate.payloads.tables import metadata
from driftgate.service.database import connect
from tests.databases import scratch_url
from tests.integration.payloads.shipping import by_manifests, in_parts, in_sql

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
KILLS = 20 if os.environ.get("DRIFTGATE_SOAK") == "1" else 3
BATCHES = 200 if os.environ.get("DRIFTGATE_SOAK") == "1" else 20
CHILD = [sys.executable, "-m", "tests.integration.payloads.child"]


def needs(program: str) -> None:
    """Skips the test where the program is not installed; fails it where CI forbids that."""
    if shutil.which(program) is None:
        reason = f"install {program} to run this test (Debian: apt-get install {program})"
        (pytest.fail if os.environ.get("DRIFTGATE_TEST_NO_SKIPS") == "1" else pytest.skip)(reason)


def test_the_log_is_synced_to_the_disk_before_each_acknowledgement(tmp_path):
    needs("strace")
    calls = tmp_path / "calls"
    trace = ["strace", "-f", "-y", "-e", "trace=fdatasync,fsync,write,pwrite64", "-o", str(calls)]

    subprocess.run([*trace, *CHILD, "traced", str(tmp_path), str(BATCHES)], cwd=ROOT, check=True, capture_output=True, timeout=240)

    story = [event for line in calls.read_text().splitlines() if (event := told(line)) is not None]
    for batch in range(BATCHES):
        between = story[story.index(f"begin {batch}") + 1 : story.index(f"logged {batch}")]
        # The last thing before the acknowledgement is a sync that came back, and what it synced was written before it.
        assert between[0] == "written"
        assert between[-1] == "synced"


def told(line: str) -> str | None:
    if said := re.search(r'write\(1<[^>]*>, "((?:begin|logged) \d+)\\n"', line):
        return said[1]
    if re.search(r"pwrite64\(\d+<[^>]*outbox\.db-wal>.* = \d+$", line):
        return "written"
    return "synced" if re.search(r"(?:fdatasync|fsync)\(\d+<[^>]*outbox\.db-wal>\) += 0$", line) else None


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_was_acknowledged_before_a_kill_is_in_both_sinks_once(tmp_path, kind):
    chance, acknowledged = random.Random(0), []
    with scratch_url(kind, tmp_path) as url:
        engine, store = connect(url), FolderStore(tmp_path / "store")
        metadata.create_all(engine)
        for _ in range(KILLS):
            with subprocess.Popen([*CHILD, "killed", str(tmp_path), url], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
                lines = [child.stdout.readline() for _ in range(chance.randint(1, 150))]
                child.kill()
                lines += child.stdout.readlines()
            # The last line may have been cut; what it names was logged all the same, but nobody was told.
            acknowledged += [name for line in lines if line.endswith("\n") for name in line.split()]
        log = DurablePayloadLog(tmp_path / "outbox.db", engine, store)
        log.ship()
        shipped = in_sql(engine)
        left = log.backlog()
        log.close()
        engine.dispose()

    assert set(acknowledged) <= set(shipped)
    assert len(acknowledged) >= KILLS
    assert len(shipped) - len(acknowledged) <= 3 * KILLS
    assert shipped == in_parts(store) == by_manifests(store)
    assert left == 0


@pytest.mark.parametrize("how", ["rlimit", "tmpfs"])
def test_a_full_disk_refuses_whole_batches_and_loses_none_and_recovers(tmp_path, how):
    command = [*CHILD, "full", str(tmp_path), how]
    if how == "tmpfs":
        command = ["unshare", "--mount", *command]
        if shutil.which("unshare") is None or subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
            pytest.skip("mounting a small disk takes root; the same is tested with a limit on the size of files")

    told = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=240).stdout)

    assert told["found"] == told["logged"]
    assert told["reopened"] == len(told["logged"])
    assert told["repeat"] == 1
    assert len(told["refusals"]) == 5
    if how == "tmpfs":
        assert {kind for kind, _ in told["refusals"]} == {"Overloaded"}
        assert "free space" in told["refusals"][0][1]
