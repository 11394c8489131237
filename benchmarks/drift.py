"""What a drift verdict costs, beside Evidently's DataDriftPreset and NannyML's univariate drift over the same rows.

Run: `make peers`, then `python -m benchmarks.drift`; `--rows 50000` for a glance, `--folder DIR` to keep the rows and the project and use
them again. Each side is a process of its own that reads the same two Parquet files; what is timed is in docs/discussions/benchmarks.md.
The last line is one JSON object.
"""

import argparse
import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import driftgate.service
from benchmarks.drift_peers import ours, project, rows

REQUIRED = {"stored_evidently_1m_x": 50.0, "nannyml_1m_x": 3.0, "memory_1m_share": 1 / 3, "tick_x": 5.0}
TICK_ROWS, PASS_ROWS = 5_000, 5_000
MODELS = (5, 10, 20)
LINEAR = 1.25
"""A model may cost at most so much more among twenty than among five."""
SAME = 1e-6
QUIET = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
ROOT = Path(__file__).parents[1]
NANNYML = ROOT / ".venv-nannyml/bin/python"
EVIDENTLY, OURS, PASSES = (f"benchmarks.drift_peers.{name}" for name in ("evidently_preset", "ours", "passes"))


def ran(module: str, *arguments: object, python: str | Path = sys.executable) -> dict[str, Any]:
    """What the module's process says of itself, and `process`: its seconds from start to end."""
    line = [str(python), "-m", module, *map(str, arguments)]
    begun = time.perf_counter()
    done = subprocess.run(line, cwd=ROOT, env={**os.environ, **QUIET}, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"{module} failed:\n{done.stdout}{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**found, "process": seconds}


def asserted(mine: dict[str, float], theirs: dict[str, float]) -> float:
    """The largest difference of two scores. Ends the benchmark where a column is missing or they are not the same."""
    if set(mine) != set(theirs):
        raise SystemExit(f"not the same columns: {sorted(set(mine) ^ set(theirs))}")
    worst = max(abs(mine[name] - theirs[name]) for name in mine)
    if not worst <= SAME:
        raise SystemExit(f"scores differ from Evidently's by {worst:g}: at most {SAME:g} is allowed")
    return worst


def large(folder: Path, count: int, rounds: int) -> tuple[list[str], dict[str, float]]:
    """All sides over many rows; ours and NannyML several times, Evidently once, because it takes minutes."""
    reference, current = rows.written(folder, count)
    stored = reference.with_suffix(".profile")
    ours.stored(reference, stored)
    turns = [
        {
            "ours": ran(OURS, reference, current),
            "ours, stored profile": ran(OURS, stored, current),
            "nannyml": ran("benchmarks.drift_peers.nannyml_univariate", reference, current, python=NANNYML),
        }
        for _ in range(rounds)
    ]
    evidently = ran(EVIDENTLY, reference, current)
    worst = asserted(turns[0]["ours"]["scores"], evidently["scores"])
    sides = {name: _median([turn[name] for turn in turns]) for name in turns[0]} | {"evidently": evidently}
    lines = [f"{count:,} rows x {rows.COLUMNS} columns, reference and window read from Parquet", _HEADING]
    lines += [f"{name:24}{one['seconds']:>10.2f} s{one['process']:>12.2f} s{one['peak_mb']:>12.0f} MB" for name, one in sides.items()]
    lines.append(f"largest difference between our scores and Evidently's: {worst:.1e}")
    mine = sides["ours"]
    keys = {
        "evidently_1m_x": evidently["seconds"] / mine["seconds"],
        "nannyml_1m_x": statistics.median(turn["nannyml"]["seconds"] / turn["ours"]["seconds"] for turn in turns),
        "memory_1m_share": mine["peak_mb"] / evidently["peak_mb"],
        "stored_evidently_1m_x": evidently["seconds"] / sides["ours, stored profile"]["seconds"],
    }
    return lines, keys


_HEADING = f"{'':24}{'measuring':>12}{'process':>14}{'peak memory':>15}"


def _median(turns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {key: statistics.median(turn[key] for turn in turns) for key in ("seconds", "process", "peak_mb")}


def tick(folder: Path, rounds: int) -> tuple[list[str], dict[str, float]]:
    """A whole `driftgate drift --since 7d --no-html` against the stored profile, beside a process that runs the preset on such rows."""
    # What is installed comes compiled, as the peers are; what is linked for development is compiled anew by every process where the
    # environment keeps Python from writing bytecode.
    compileall.compile_dir(Path(driftgate.service.__file__).parents[1], quiet=1)
    where = project.made(folder / "project", TICK_ROWS)
    reference, current = rows.written(folder, TICK_ROWS)
    asked = ("drift", "--since", "7d", "--no-html", "--json")
    # The first one makes the profile, and fills the caches of the file system for both.
    found = json.loads(project.told(where, *asked))
    ran(EVIDENTLY, reference, current)
    if found["rows"] != TICK_ROWS or len(found["columns"]) != rows.COLUMNS:
        raise SystemExit(f"measured {found['rows']} rows x {len(found['columns'])} columns")
    pairs = []
    for _ in range(rounds):
        begun = time.perf_counter()
        project.told(where, *asked)
        pairs.append((time.perf_counter() - begun, ran(EVIDENTLY, reference, current)["process"]))
    mine, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(their / my for my, their in pairs)
    lines = [
        f"{TICK_ROWS:,} rows x {rows.COLUMNS} columns, whole processes, median of {rounds} rounds",
        f"{'driftgate drift':24}{mine:>12.2f} s",
        f"{'evidently preset':24}{theirs:>12.2f} s",
    ]
    return lines, {"tick_x": ratio}


def passes(folder: Path, rounds: int) -> tuple[list[str], dict[str, float]]:
    """One pass over five, ten and twenty models in one process each: the cost of a model must not grow with their number."""
    reference, current = rows.written(folder, PASS_ROWS)
    ours.stored(reference, folder / "reference.profile")
    (folder / "current.parquet").write_bytes(current.read_bytes())
    turns = [{models: ran(PASSES, folder, models) for models in MODELS} for _ in range(rounds)]
    # The first model pays for imports and for the null that all of them share.
    each = {
        models: statistics.median((turn[models]["seconds"] - turn[models]["more"]["first"]) / (models - 1) for turn in turns)
        for models in MODELS
    }
    later = max(turn[models]["more"]["imported_later"] for turn in turns for models in MODELS)
    growth = each[MODELS[-1]] / each[MODELS[0]]
    if later or growth > LINEAR:
        raise SystemExit(f"a pass is not linear: {later} modules imported after the first model, {growth:.2f} x the cost of a model")
    lines = [f"a pass over models of {rows.COLUMNS} columns x {PASS_ROWS:,} rows, nothing imported after the first"]
    lines += [f"{models:>3} models: each after the first{cost * 1e3:>8.0f} ms" for models, cost in each.items()]
    return lines, {"pass_model_growth_share": growth}


def main() -> None:
    """Prints the tables and, last, the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", choices=("large", "tick", "passes"))
    given = parser.parse_args()
    if not NANNYML.exists():
        raise SystemExit("NannyML is not installed: make peers")
    keys: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for name, part in (
            ("tick", lambda: tick(folder, given.rounds)),
            ("passes", lambda: passes(folder, given.rounds)),
            ("large", lambda: large(folder, given.rows, given.rounds)),
        ):
            if given.only in (None, name):
                lines, found = part()
                print("\n".join(lines) + "\n", flush=True)
                keys |= found
    for name, limit in REQUIRED.items():
        if name in keys:
            bound = "at most" if name.endswith("_share") else "at least"
            print(f"{name:24}{keys[name]:>8.2f}   {bound} {limit:.2g}")
    print(json.dumps({name: round(value, 3) for name, value in keys.items()}))


if __name__ == "__main__":
    main()
