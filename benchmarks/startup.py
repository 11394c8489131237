"""How fast help answers, beside `mlflow --help`, both as whole processes, in turn, in one run.

python -m benchmarks.startup
"""

import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 5


def seconds(command: list[str]) -> float:
    """Wall time of the command as a whole process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def program(name: str) -> str:
    """The program beside this interpreter, or on PATH."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not installed: make install")
    return found


def main() -> None:
    """Prints the table, then the ratio as JSON."""
    commands = {"driftgate": [program("driftgate"), "--help"], "mlflow": [program("mlflow"), "--help"]}
    for command in commands.values():
        seconds(command)
    rounds = [{name: seconds(command) for name, command in commands.items()} for _ in range(ROUNDS)]
    ratios = [each["mlflow"] / each["driftgate"] for each in rounds]
    for name in commands:
        times = [each[name] for each in rounds]
        print(f"{name:<10} --help   median {statistics.median(times):6.2f} s   (min {min(times):.2f}, max {max(times):.2f})")
    print(f"mlflow / driftgate  median {statistics.median(ratios):6.1f} x   (min {min(ratios):.1f}, max {max(ratios):.1f})")
    print(json.dumps({"help_vs_mlflow_x": round(statistics.median(ratios), 2)}))


if __name__ == "__main__":
    main()
