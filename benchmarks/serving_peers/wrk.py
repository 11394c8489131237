"""Closed-loop load by `wrk`: each connection sends its next request when the last one was answered."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Load:
    """What one run saw: answers with status 2xx, their rate, those with another status, and percentiles of the latency in milliseconds."""

    connections: int
    answered: int
    refused: int
    per_second: float
    p50: float
    p99: float


def program() -> str:
    """Where `wrk` is."""
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("wrk is not installed: apt-get install wrk")
    return found


def run(url: str, bodies: Path, connections: int, seconds: float) -> Load:
    """One run with one thread. Ends the benchmark where a connection broke or nothing was answered: its figures would mean nothing."""
    done = subprocess.run(
        [program(), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "60s", "-s", SCRIPT, url, "--", bodies],
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    answered, took = seen["requests"] - seen["refused"], seen["microseconds"] / 1e6
    if seen["broken"] or not answered:
        raise SystemExit(f"{url}: {answered} requests were answered, {seen['refused']} refused, {seen['broken']} broken")
    return Load(connections, answered, seen["refused"], answered / took, seen["p50"] / 1e3, seen["p99"] / 1e3)
