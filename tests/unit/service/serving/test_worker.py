import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SUPERVISOR = """
import multiprocessing, os, time
from driftgate.service.serving.worker import end_with_parent

def work():
    end_with_parent()
    print(os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=work)
    child.start()
    child.join()
"""


def test_a_worker_ends_when_its_supervisor_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "supervisor.py"
    script.write_text(SUPERVISOR, encoding="utf-8")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        worker = int(supervisor.stdout.readline())

        supervisor.send_signal(signal.SIGKILL)

        # The pipe closes when the last process that holds it has ended.
        begun = time.monotonic()
        supervisor.stdout.read()
    assert time.monotonic() - begun < 30
    assert not Path(f"/proc/{worker}").exists() or "Z" in Path(f"/proc/{worker}/stat").read_text().split()[2]
    assert worker != os.getpid()
