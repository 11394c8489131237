"""A process with DBOS and the clock of a worker, but none of its work.

    python -m tests.integration.service.clockwork URL SCRIPT

SCRIPT is a JSON list of steps, done in order: {"apply": [appointments], "at": ISO}, {"catch_up": ISO}, {"wait": seconds}. The last line
written is a JSON document: `caught`, the ids of each catch-up; `schedules`, what DBOS knows at the end; `ran`, ticks by id.
"""

import json
import os
import sys
import time
from datetime import datetime
from typing import Any

from dbos import DBOS

from driftgate.service.monitoring.schedules import Clock
from driftgate.service.monitoring.timetable import MONITOR, Appointment

QUEUE = "passes"


def main() -> None:
    url, steps = sys.argv[1], json.loads(sys.argv[2])
    DBOS(
        config={
            "name": "driftgate",
            "system_database_url": url,
            "application_version": "1",
            "executor_id": f"test-{os.getpid()}",
            "log_level": "WARNING",
            "console_log_level": "WARNING",
            "notification_listener_polling_interval_sec": 0.1,
        }
    )

    @DBOS.workflow(name=MONITOR)
    def ticked(tick: datetime, _: Any) -> str:
        return tick.isoformat()

    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=1, polling_interval_sec=0.1)
    caught: list[list[str]] = []
    clock = Clock((), QUEUE)
    for step in steps:
        if "apply" in step:
            clock = Clock([Appointment(*each) for each in step["apply"]], QUEUE)
            clock.apply({MONITOR: ticked}, datetime.fromisoformat(step["at"]))
        elif "catch_up" in step:
            caught.append(list(clock.catch_up(datetime.fromisoformat(step["catch_up"]))))
        else:
            time.sleep(step["wait"])
    _settle()
    schedules = {found["schedule_name"]: found["schedule"] for found in DBOS.list_schedules()}
    ran = {found.workflow_id: found.output for found in DBOS.list_workflows()}
    DBOS.destroy()
    sys.stdout.write(json.dumps({"caught": caught, "schedules": schedules, "ran": ran}) + "\n")


def _settle() -> None:
    deadline = time.monotonic() + 30
    while any(found.status in ("ENQUEUED", "PENDING") for found in DBOS.list_workflows()) and time.monotonic() < deadline:
        time.sleep(0.1)


if __name__ == "__main__":
    main()
