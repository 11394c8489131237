"""A worker that finishes what the last one left, asks for a promotion, and kills itself at a chosen step of it.

    python -m tests.e2e.dying_worker PROJECT STEP MOMENT VERSION

STEP counts the checkpointed steps of the promotion from 1; 0 never dies. MOMENT `before` dies before the step's effect,
`after` between its effect and its record. The names of the steps that began are appended to PROJECT/steps.txt.
"""

import os
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from dbos import DBOS

from driftgate.lifecycle.flows import promoting
from driftgate.lifecycle.flows.promoting import PromotionRequest
from driftgate.lifecycle.ledger import Action, State
from driftgate.service.bootstrap import Running, wire
from driftgate.service.durable.worker import Worker
from driftgate.service.settings import load

MODEL = "churn"


def arm(log: Path, step: int, moment: str) -> None:
    """Makes the next workflow's step number `step` the last thing that this process does."""
    begun = 0
    run_step = DBOS.run_step

    def dying(options: Any, work: Any, *arguments: Any, **keywords: Any) -> Any:
        nonlocal begun
        begun += 1
        mine = begun
        with log.open("a") as file:
            file.write(f"{options['name']}\n")
        if mine == step and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)

        def work_and_die(*inner: Any, **named: Any) -> Any:
            result = work(*inner, **named)
            if mine == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return run_step(options, work_and_die, *arguments, **keywords)

    DBOS.run_step = dying


def settled(parts: Running, seconds: float = 300.0) -> None:
    """Waits until no promotion is running, and every workflow that carried one on has ended well."""
    deadline = time.monotonic() + seconds
    while any(each.state is State.RUNNING for each in promoting.promotions(MODEL, parts.app.ledger)) or unfinished():
        if time.monotonic() > deadline:
            raise SystemExit("a promotion is still running: it is half done")
        time.sleep(0.1)


def unfinished() -> bool:
    return any(each.status != "SUCCESS" for each in DBOS.list_workflows(name="promotion", load_input=False, load_output=False))


def back_to_first(parts: Running) -> None:
    """Makes version 1 the champion again, through the same door as everybody."""
    if parts.app.ledger.champion(MODEL) == 1:
        return
    wish = PromotionRequest(str(uuid.uuid4()), MODEL, 1, 2, "test", Action.ROLLBACK)
    promoting.roll_back(promoting.request(wish, parts.app.ledger).id, parts.app.desk)


def main() -> None:
    project, step, moment, version = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    settings = load(project)
    parts = wire(settings, lambda _: None)
    worker = Worker(parts.app, parts.roster, parts.jobs, settings.storage.workflows)
    worker.start()
    settled(parts)
    (project / "recovered.txt").write_text(str(parts.app.ledger.champion(MODEL)))
    back_to_first(parts)
    if step:
        (project / "steps.txt").write_text("")
        arm(project / "steps.txt", step, moment)
        wish = PromotionRequest(str(uuid.uuid4()), MODEL, version, 1, "test")
        promotion = promoting.request(wish, parts.app.ledger)
        (project / "promotion.txt").write_text(promotion.id)
        parts.jobs.promote(promotion, settings.policy(MODEL))
        settled(parts)
    worker.stop()
    parts.close()


if __name__ == "__main__":
    main()
