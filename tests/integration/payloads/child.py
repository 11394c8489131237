"""A process that appends payloads, for a test to trace, to kill, or to take the disk from.

python -m tests.integration.payloads.child WHAT FOLDER ARGUMENT
"""

import errno
import json
import os
import resource
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from driftgate.lifecycle.errors import Unavailable
from driftgate.payloads.log import DurablePayloadLog
from driftgate.payloads.objects import FolderStore
from driftgate.payloads.outbox import Outbox, Range
from driftgate.service.database import connect
from tests.builders import a_payload

SINKS = ("sql", "objects")


def say(line: str) -> None:
    """One write, nothing held back."""
    os.write(1, f"{line}\n".encode())


def traced(folder: Path, batches: str) -> None:
    """Appends, and says before and after each batch."""
    outbox = Outbox(folder / "outbox.db", SINKS)
    for batch in range(int(batches)):
        say(f"begin {batch}")
        outbox.append([a_payload(f"{batch}-{row}") for row in range(8)])
        say(f"logged {batch}")


def killed(folder: Path, url: str) -> None:
    """Appends and ships without end; says which ids were logged."""
    log = DurablePayloadLog(folder / "outbox.db", connect(url), FolderStore(folder / "store"))

    def ship(sink: str) -> None:
        while True:
            if not log.ship_to(sink):
                time.sleep(0.001)

    for sink in SINKS:
        threading.Thread(target=ship, args=(sink,), daemon=True).start()
    life = secrets.token_hex(8)
    for batch in range(10**9):
        names = [f"{life}-{batch:06d}-{row}" for row in range(3)]
        log.append([a_payload(name) for name in names])
        say(" ".join(names))


def full(folder: Path, how: str) -> None:
    """Appends until the disk is full, and again when there is space; tells what became of it as JSON."""
    if how == "tmpfs":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], check=True)
    outbox = Outbox(folder / "outbox.db", SINKS)
    logged = [f"first-{number}" for number in range(20)]
    outbox.append([a_payload(name) for name in logged])
    outbox.advance("sql", 10)
    give_back = (_take_disk if how == "tmpfs" else _take_file_size)(folder)
    refusals: list[Unavailable] = []
    for batch in range(2000):
        names = [f"full-{batch}-{row}" for row in range(20)]
        try:
            outbox.append([a_payload(name) for name in names])
            logged += names
        except Unavailable as error:
            refusals.append(error)
            if len(refusals) == 5:
                break
    repeat = outbox.append([a_payload("first-0", version=9)])[0].version
    chores = {name: _outcome(chore) for name, chore in (("advance", lambda: outbox.advance("sql", 15)), ("checkpoint", outbox.checkpoint))}
    give_back()
    names = [f"after-{row}" for row in range(20)]
    outbox.append([a_payload(name) for name in names])
    logged += names
    outbox.advance("sql", 15)
    outbox.checkpoint()
    found = [row.prediction_id for row in outbox.rows(Range(0, outbox.head()))]
    outbox.close()
    again = Outbox(folder / "outbox.db", SINKS)
    say(json.dumps({
        "logged": logged, "found": found, "reopened": again.head(), "repeat": repeat, "chores": chores,
        "refusals": [[type(error).__name__, error.message] for error in refusals],
    }))  # fmt: skip


def _outcome(chore: Callable[[], Any]) -> str:
    try:
        chore()
    except Unavailable as error:
        return type(error).__name__
    return "done"


def _take_disk(folder: Path) -> Callable[[], None]:
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    return ballast.unlink


def _take_file_size(folder: Path) -> Callable[[], None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((folder / "outbox.db-wal").stat().st_size + 50_000, before[1]))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before)


if __name__ == "__main__":
    {"traced": traced, "killed": killed, "full": full}[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])
