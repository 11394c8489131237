"""The outbox under several processes: killed, racing, opening a new file together."""

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from driftgate.payloads.outbox import Outbox, Range
from tests.builders import a_payload

SINKS = ("sql", "objects")
PROCESSES, BATCHES = 4, 25

pytestmark = pytest.mark.slow


def _append(path: Path, worker: int, barrier: Any, answers: Any) -> None:
    barrier.wait(60)
    outbox = Outbox(path, SINKS)
    for batch in range(BATCHES):
        _, shared = outbox.append([a_payload(f"w{worker}-{batch}"), a_payload(f"shared-{batch}", version=worker + 1)])
        answers[worker * BATCHES + batch] = shared.version


def _append_until_killed(path: Path, acknowledged: Any) -> None:
    outbox = Outbox(path, SINKS)
    for number in range(1_000_000):
        outbox.append([a_payload(f"{number}-a"), a_payload(f"{number}-b")])
        acknowledged.value = number


def test_processes_that_open_a_new_file_together_share_it_and_give_one_answer_to_an_id(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(PROCESSES), context.Array("q", PROCESSES * BATCHES, lock=False)
    arguments = [(tmp_path / "outbox.db", worker, barrier, answers) for worker in range(PROCESSES)]
    workers = [context.Process(target=_append, args=each) for each in arguments]

    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)

    outbox = Outbox(tmp_path / "outbox.db", SINKS)
    rows = outbox.rows(Range(0, outbox.head()))
    assert [worker.exitcode for worker in workers] == [0] * PROCESSES
    assert len(rows) == outbox.head() == PROCESSES * BATCHES + BATCHES
    assert len({row.prediction_id for row in rows}) == len(rows)
    logged = {row.prediction_id: row.version for row in rows}
    for batch in range(BATCHES):
        assert {answers[worker * BATCHES + batch] for worker in range(PROCESSES)} == {logged[f"shared-{batch}"]}
    outbox.close()


@pytest.mark.parametrize("attempt", range(3))
def test_what_was_acknowledged_survives_a_kill_and_batches_are_whole(tmp_path, attempt):
    context = multiprocessing.get_context("spawn")
    acknowledged = context.Value("q", -1, lock=False)
    writer = context.Process(target=_append_until_killed, args=(tmp_path / "outbox.db", acknowledged))

    writer.start()
    while acknowledged.value < 20 * (attempt + 1):
        assert writer.is_alive()
        time.sleep(0.001)
    os.kill(writer.pid, signal.SIGKILL)
    writer.join(30)

    outbox = Outbox(tmp_path / "outbox.db", SINKS)
    rows = outbox.rows(Range(0, outbox.head()))
    assert len(rows) in (2 * acknowledged.value + 2, 2 * acknowledged.value + 4)
    outbox.close()
