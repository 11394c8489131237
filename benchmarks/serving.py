"""How fast one-row predictions are answered, each logged durably first, beside servers that log nothing.

Run: `python -m benchmarks.serving`; `--only ours,constant --seconds 3 --rounds 1` for a glance, `--project DIR` to keep and reuse
the project. One model, the same rows, one worker process each, and only one server awake at a time; rounds are interleaved. What each
server is and how it is loaded: docs/discussions/benchmarks.md. The last line is one JSON object.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving_peers import logged, pickled, wrk
from benchmarks.serving_peers.project import Project, made
from benchmarks.serving_peers.servers import BENTOML, CONSTANT, LITSERVE, MLFLOW, NAMES, OURS, Running, chosen, running

CONNECTIONS = 32
COMPARED = 50
SETTLE_SECONDS = 1.5
REQUIRED = {
    "mlflow_x": 20, "litserve_x": 2, "bentoml_x": 2, "constant_share": 0.4, "p50_mlflow_share": 1, "p99_mlflow_share": 0.1,
}  # fmt: skip


@dataclass
class Seen:
    """What was measured of one server, round by round."""

    many: list[wrk.Load] = field(default_factory=list)
    single: list[wrk.Load] = field(default_factory=list)
    open_loop: dict[str, float] = field(default_factory=dict)
    answered: int = 0
    unanswered: int = 0
    refused: int = 0
    ids: list[str] = field(default_factory=list)
    processes: int = 0

    def keep(self, load: wrk.Load) -> wrk.Load:
        """The load, counted. `wrk` leaves at the end of its time, with a request open on each connection."""
        self.answered += load.answered
        self.refused += load.refused
        self.unanswered += load.connections
        return load


def measure(one: Running, seen: Seen, seconds: float) -> None:
    """One round of one server: warmed, then many connections, then a single one."""
    one.resume()
    seen.keep(wrk.run(one.url, one.bodies, CONNECTIONS, max(1.0, seconds / 4)))
    seen.many.append(seen.keep(wrk.run(one.url, one.bodies, CONNECTIONS, seconds)))
    time.sleep(SETTLE_SECONDS)
    seen.single.append(seen.keep(wrk.run(one.url, one.bodies, 1, seconds)))
    seen.processes = one.processes()
    many, single = seen.many[-1], seen.single[-1]
    print(f"{one.server.name}: {many.per_second:.0f}/s with {CONNECTIONS}, {single.per_second:.0f}/s with 1", file=sys.stderr, flush=True)
    time.sleep(SETTLE_SECONDS)
    if one.server.name == OURS and seen.refused:
        raise SystemExit(f"ours refused {seen.refused} requests: see {one.bodies.with_suffix('.log')}")
    one.pause()


def open_loop(one: Running, seen: Seen, seconds: float) -> None:
    """Fixed arrival rate, half of what the server answered at its best."""
    rate = statistics.median(load.per_second for load in seen.many) / 2
    one.resume()
    client = [sys.executable, "-m", "benchmarks.serving_peers.open_loop", "127.0.0.1", str(one.port), one.server.path, str(one.bodies)]
    done = subprocess.run([*client, f"{rate:.3f}", str(seconds)], capture_output=True, text=True, check=False)
    one.pause()
    if done.returncode:
        raise SystemExit(f"the open-loop run against {one.server.name} failed:\n{done.stderr[-2000:]}")
    found = json.loads(done.stdout)
    answers = found.pop("answers")
    seen.open_loop = {"rate": rate, **found}
    seen.answered += len(answers)
    if one.server.name == OURS:
        seen.ids += [answer["predictions"][0]["prediction_id"] for answer in answers]


def compare(project: Project, one: Running, seen: Seen) -> None:
    """Ends the benchmark where the server does not say what the fitted pipeline says of the same rows."""
    if one.server.chance is None:
        return
    expected = pickled.chances(pickled.load_from(project.pickle), project.rows[:COMPARED])
    one.resume()
    said = [one.server.chance(one.ask(body)) for body in one.bodies.read_bytes().splitlines()[:COMPARED]]
    one.pause()
    seen.answered += len(said)
    furthest = max(abs(ours - theirs) for ours, theirs in zip(said, expected, strict=True))
    if furthest > 1e-6:
        raise SystemExit(f"{one.server.name} answers something else: a probability differs by {furthest}")


def before(project: Project, servers: Sequence[Running]) -> int:
    """How many payloads are logged already: of earlier runs in the project, and of the request that ours was awaited with."""
    found = 0
    for one in servers:
        if one.server.name == OURS:
            one.resume()
            found = logged.settled(project, 1).sql
            one.pause()
    return found


def account(project: Project, one: Running, seen: Seen, earlier: int) -> str:
    """The sentence that says that every answer was logged once; ends the benchmark where one was not.

    `earlier`: the payloads that were logged before the first of them.
    """
    one.resume()
    shipped = logged.rows(project) - earlier
    found = logged.settled(project, earlier + seen.answered)
    one.pause()
    new = found.sql - earlier
    lost = set(seen.ids) - found.sql_ids
    if not found.once or lost or not seen.answered <= new <= seen.answered + seen.unanswered:
        raise SystemExit(
            f"answered {seen.answered} (and up to {seen.unanswered} more unseen), logged {new}; "
            f"SQL {found.sql} with {len(found.sql_ids)} ids, "
            f"objects {found.objects} with {len(found.object_ids)} ids; {len(lost)} answered ids are missing"
        )
    return (
        f"logged: {seen.answered:,} answers seen, {new:,} payloads, each once in SQL and once in Parquet; the {new - seen.answered} more "
        f"were open when wrk left. All {len(seen.ids):,} ids of the open-loop run are among them. "
        f"{max(0, new - shipped):,} were still to be shipped when the last run ended."
    )


def ratio(found: dict[str, Seen], over: str, under: str, of: str = "per_second", runs: str = "many") -> float:
    """The median over the rounds of one server's figure over another's."""
    pairs = zip(getattr(found[over], runs), getattr(found[under], runs), strict=True)
    return float(statistics.median(getattr(one, of) / getattr(other, of) for one, other in pairs))


def median(loads: Sequence[wrk.Load], of: str) -> float:
    """The median of a figure over the rounds."""
    return float(statistics.median(getattr(load, of) for load in loads))


def keys(found: dict[str, Seen]) -> dict[str, float]:
    """The ratios that the measured servers allow, and the figures behind them."""
    said: dict[str, float] = {}
    if OURS in found:
        for name in (MLFLOW, LITSERVE, BENTOML):
            if name in found:
                said[f"{name}_x"] = round(ratio(found, OURS, name), 2)
        if CONSTANT in found:
            said["constant_share"] = round(ratio(found, OURS, CONSTANT), 3)
        if MLFLOW in found:
            said["p50_mlflow_share"] = round(ratio(found, OURS, MLFLOW, "p50", "single"), 3)
            said["p99_mlflow_share"] = round(ratio(found, OURS, MLFLOW, "p99"), 4)
    for name, seen in found.items():
        said[f"{name}_per_second"] = round(median(seen.many, "per_second"), 1)
        for key in ("p50", "p99"):
            if seen.open_loop:
                said[f"{name}_open_{key}_ms"] = round(seen.open_loop[key], 2)
    return said


def table(found: dict[str, Seen], disk: float) -> Sequence[str]:
    """Lines for people."""
    head = f"{'':10}{'processes':>10}{f'{CONNECTIONS} connections':>16}{'p50':>9}{'p99':>9}{'1 connection':>14}{'p50':>9}{'p99':>9}"
    lines = [machine(disk), f"{head}   open loop, half of capacity"]
    for name, seen in found.items():
        line = f"{name:10}{seen.processes:>10}"
        for loads, width in ((seen.many, 16), (seen.single, 14)):
            line += f"{median(loads, 'per_second'):>{width - 2}.0f}/s{median(loads, 'p50'):>6.1f} ms{median(loads, 'p99'):>6.1f} ms"
        if seen.open_loop:
            line += "   {rate:.0f}/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms (client late: p99 {late_p99:.1f} ms)".format(**seen.open_loop)
        lines.append(line + (f"   {seen.refused} requests were refused and are not counted" if seen.refused else ""))
    return lines


def machine(disk: float) -> str:
    """What the figures were measured on."""
    names = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, fsync {disk:.2f} ms"


def sync_milliseconds(folder: Path) -> float:
    """What a durable write costs at the least, in the folder that the outbox is in."""
    spent = []
    with (folder / "sync").open("wb") as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            file.flush()
            begin = time.perf_counter()
            os.fsync(file.fileno())
            spent.append(time.perf_counter() - begin)
    return statistics.median(spent) * 1e3


def run(project: Project, names: Sequence[str], seconds: float, rounds: int) -> tuple[dict[str, Seen], str]:
    """Everything measured, and what became of the log."""
    said = ""
    with running(project, chosen(project, names)) as servers:
        found = {one.server.name: Seen() for one in servers}
        earlier = before(project, servers)
        for one in servers:
            compare(project, one, found[one.server.name])
        for turn in range(rounds):
            # There and back, so that a machine that slows down does not always slow the same one.
            for one in servers if turn % 2 == 0 else reversed(servers):
                measure(one, found[one.server.name], seconds)
        for one in servers:
            if one.server.name in (OURS, MLFLOW):
                open_loop(one, found[one.server.name], 2 * seconds)
        for one in servers:
            if one.server.name == OURS:
                said = account(project, one, found[OURS], earlier)
    return found, said


def options() -> Any:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description="Requests per second and latency of one-row predictions, beside peers.")
    parser.add_argument("--only", default=",".join(NAMES), help="comma-separated: " + ", ".join(NAMES))
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measured run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--project", type=Path, help="a folder to keep and reuse; by default a temporary one")
    return parser.parse_args()


def main() -> None:
    """Prints the table and, last, the ratios."""
    wanted = options()
    wrk.program()
    with ExitStack() as stack:
        folder = wanted.project or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="driftgate-bench-")))
        project = made(folder)
        disk = sync_milliseconds(folder)
        found, said = run(project, wanted.only.split(","), wanted.seconds, wanted.rounds)
    print("\n".join(table(found, disk)))
    print(f"closed loop: wrk, one thread; medians of {wanted.rounds} interleaved rounds of {wanted.seconds:g} s; one row a request")
    if said:
        print(said)
    result = keys(found)
    for key, limit in REQUIRED.items():
        if key in result:
            least = key.endswith("_x") or key == "constant_share"
            print(f"{key:20}{result[key]:>10}   {'at least' if least else 'at most'} {limit:g} is required")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
