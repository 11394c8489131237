"""A worker that asks for a promotion, and stands still before a chosen step of it until the test has broken something.

    python -m tests.e2e.paused_worker PROJECT STEP TIME

STEP is the name of a checkpointed step of the promotion, and TIME says which of those of that name, from 1. Before it the worker makes the
file PROJECT/paused and waits for the file PROJECT/go. It ends once no promotion is running and ledger and alias agree, or exits 1 where
that does not come.
"""

import sys
import time
import uuid
from pathlib import Path
from typing import Any

from dbos import DBOS

from driftgate.lifecycle.errors import Unavailable
from driftgate.lifecycle.flows import promoting
from driftgate.lifecycle.flows.promoting import PromotionRequest
from driftgate.lifecycle.ledger import State
from driftgate.service.bootstrap import Running, wire
from driftgate.service.durable.worker import Worker
from driftgate.service.settings import load

MODEL, PATIENCE = "churn", 240.0


def pause_before(project: Path, step: str, time_of_it: int) -> None:
    """Makes that step of the workflow wait for the test."""
    begun, run_step = 0, DBOS.run_step

    def pausing(options: Any, work: Any, *arguments: Any, **keywords: Any) -> Any:
        nonlocal begun
        begun += options["name"] == step
        if begun == time_of_it and options["name"] == step:
            (project / "paused").touch()
            while not (project / "go").exists():
                time.sleep(0.02)
        return run_step(options, work, *arguments, **keywords)

    DBOS.run_step = pausing


def whole(parts: Running) -> bool:
    """Whether no promotion is running, and the alias is where the ledger's champion is; not while a store does not answer."""
    try:
        running = any(each.state is State.RUNNING for each in promoting.promotions(MODEL, parts.app.ledger))
        return not running and parts.app.registry.champion_alias(MODEL) == parts.app.ledger.champion(MODEL)
    except Unavailable:
        return False


def main() -> None:
    project, step, time_of_it = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    settings = load(project)
    parts = wire(settings, lambda _: None)
    worker = Worker(parts.app, parts.roster, parts.jobs, settings.storage.workflows)
    worker.start()
    pause_before(project, step, time_of_it)
    serving = parts.app.ledger.champion(MODEL)
    promotion = promoting.request(PromotionRequest(str(uuid.uuid4()), MODEL, 3 - (serving or 1), serving, "test"), parts.app.ledger)
    (project / "promotion.txt").write_text(promotion.id)
    parts.jobs.promote(promotion, settings.policy(MODEL))
    deadline = time.monotonic() + PATIENCE
    while not whole(parts):
        if time.monotonic() > deadline:
            raise SystemExit("a promotion is half done, or the alias is not where the ledger says")
        time.sleep(0.2)
    worker.stop()
    parts.close()


if __name__ == "__main__":
    main()
