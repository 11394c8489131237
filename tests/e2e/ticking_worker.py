"""A worker whose schedules have been known for long, that is killed at a chosen step of the pass that it catches up.

    python -m tests.e2e.ticking_worker PROJECT known
    python -m tests.e2e.ticking_worker PROJECT STEP MOMENT

`known` starts a worker forty days ago by its own clock, so that it learns the schedules, and ends. STEP counts the checkpointed steps from
1; 0 never dies. MOMENT `before` dies before the step's effect, `after` between its effect and its record. It ends when there is a pass. The
names of the steps that began are appended to PROJECT/steps.txt.
"""

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from driftgate.service.bootstrap import wire
from driftgate.service.durable.worker import Worker
from driftgate.service.settings import load
from tests.e2e.dying_worker import MODEL, arm

PATIENCE = 120.0


def main() -> None:
    project, step = Path(sys.argv[1]), sys.argv[2]
    settings = load(project)
    parts = wire(settings, lambda _: None)
    long_ago = datetime.now(UTC) - timedelta(days=40)
    clock = (lambda: long_ago) if step == "known" else (lambda: datetime.now(UTC))
    if step not in ("known", "0"):
        arm(project / "steps.txt", int(step), sys.argv[3])
    worker = Worker(parts.app, parts.roster, parts.jobs, settings.storage.workflows, clock)
    worker.start()
    deadline = time.monotonic() + PATIENCE
    while step != "known" and not settled(parts):
        if time.monotonic() > deadline:
            raise SystemExit("no pass was made")
        time.sleep(0.2)
    worker.stop()
    parts.close()


def settled(parts: object) -> bool:
    """Whether the scheduled pass was made and its workflow is over."""
    from dbos import DBOS

    found = DBOS.list_workflows(name="scheduled_monitor")
    return bool(found) and all(each.status == "SUCCESS" for each in found) and bool(parts.app.book.passes(MODEL))  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
