"""A simulated year of daily monitoring passes without any drift: how many alarms are raised, against the budget of false alarms.

Run: `python -m benchmarks.year [--days 365] [--seed 0]`. Version 1 is trained and promoted by the product on rows drawn from Telco with
replacement; each day some rows are drawn the same way and asked of the arms that serve, their outcomes are told once they are mature,
and the day's scheduled pass is made, at the clock of that day. The last line is one JSON object.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.drift_peers.project import told
from benchmarks.pools import folder as data
from benchmarks.serving_peers.project import Project
from driftgate.lifecycle.budget import pass_level
from driftgate.lifecycle.findings import Monitor, Pass
from driftgate.lifecycle.flows.predicting import Lineup, Stamp, predict
from driftgate.lifecycle.payloads import Outcome, Payload, Window
from driftgate.service.bootstrap import Running, arrangements, wire
from driftgate.service.scoring import lineup
from driftgate.service.scoring_rows import Roles, RowReader
from driftgate.service.settings import Settings, load
from driftgate.service.work import run_scheduled_monitor

MODEL, TARGET, ENTITY = "telco", "Churn", "customerID"
BUDGET = 2.0
BEGIN = datetime(2025, 1, 1, 6, tzinfo=UTC)
DAY, MATURITY = timedelta(days=1), timedelta(days=5)
ROWS, BATCHES = 400, 24
"""Rows a day, of which the heuristic answers a quarter, asked in so many requests."""

SETTINGS = f"""\
[storage]
sinks = ["sql"]

[models.{MODEL}]
source = {{path = "first.csv"}}
target = "{TARGET}"
positive = "Yes"
entity = "{ENTITY}"

[models.{MODEL}.estimator]
name = "logistic"

[models.{MODEL}.arms]
heuristic = 0.25

[models.{MODEL}.heuristic]
constant = "No"

[models.{MODEL}.outcomes]
maturity_days = {MATURITY.days}

[models.{MODEL}.monitoring]
schedule = "0 6 * * *"
window_days = 1
false_alarms_per_year = {BUDGET:g}
html = "never"
"""


@dataclass
class Year:
    """What the passes found. `raised`: when which alarm came up; `judged`: by monitor, how many findings passed or failed."""

    level: float
    raised: list[tuple[datetime, str]] = field(default_factory=list)
    judged: Counter[str] = field(default_factory=Counter)
    undecided: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def by_monitor(self) -> Mapping[str, int]:
        """How many alarms each monitor raised."""
        return Counter(subject.partition("/")[0] for _, subject in self.raised)


class Traffic:
    """Callers who draw their rows from one pool, with replacement, and tell the truth when it is mature."""

    def __init__(self, running: Running, asked: Lineup, pool: pd.DataFrame, seed: int) -> None:
        self._running, self._lineup = running, asked
        self._reader = RowReader(asked, Roles(entity=ENTITY), lambda _row, instance: f"p-{instance.entity_id}")
        self._pool = pool
        self._rng = np.random.default_rng(seed)
        self._number = count()
        self._truths: dict[str, str] = {}

    def ask(self, day: datetime, rows: int) -> None:
        """The predictions of the day that ends at `day`. Raises AssertionError where one is refused."""
        drawn = self._pool.iloc[self._rng.integers(len(self._pool), size=rows)].reset_index(drop=True)
        # Whoever is drawn twice is somebody else the second time: rows are independent, as the null hypothesis has it.
        drawn = drawn.assign(**{ENTITY: [f"c{next(self._number):06d}" for _ in range(rows)]})
        parts = np.array_split(np.arange(rows), BATCHES)
        for part, places in enumerate(parts):
            found = self._reader.read(drawn.iloc[places], 1)
            if found.rejected:
                raise AssertionError(f"a row was refused: {found.rejected[0].reason}")
            at = day - DAY + part * DAY / len(parts)
            predict([instance for _, instance in found.instances], self._lineup, self._running.payloads, Stamp(_clock(at), _never))
        self._truths.update({f"p-{name}": truth for name, truth in zip(drawn[ENTITY], drawn[TARGET], strict=True)})
        self._running.payloads.ship()

    def tell(self, day: datetime) -> None:
        """The outcomes of the payloads that became mature in the day that ends at `day`."""
        window = Window(day - MATURITY - DAY, day - MATURITY)
        logged = self._running.payloads.read(MODEL, window)
        self._running.payloads.record([self._outcome(payload) for payload in logged])

    def _outcome(self, payload: Payload) -> Outcome:
        truth = self._truths.pop(payload.prediction_id)
        return Outcome(MODEL, truth, payload.event_time + MATURITY, prediction_id=payload.prediction_id)


def run(folder: Path, days: int, *, seed: int = 0, rows: int = ROWS, progress: Callable[[str], None] = lambda _: None) -> Year:
    """The year, or so many days of it, of a project that is made in the folder."""
    pool = _project(folder, seed)
    settings = load(folder, {})
    running = wire(settings, lambda _: None)
    try:
        serving = lineup(MODEL, arrangements(settings)[MODEL], running.app.ledger, running.registry)
        traffic = Traffic(running, serving, pool, seed)
        return _passed(running, settings, traffic, [BEGIN + place * DAY for place in range(1, days + 1)], rows, progress)
    finally:
        running.close()


def _passed(
    running: Running, settings: Settings, traffic: Traffic, ticks: Sequence[datetime], rows: int, progress: Callable[[str], None]
) -> Year:
    year = Year(pass_level(settings.models[MODEL].monitoring.false_alarms_per_year, 365.25))
    for place, tick in enumerate(ticks, 1):
        traffic.ask(tick, rows)
        traffic.tell(tick)
        begun, used = time.perf_counter(), time.process_time()
        run_scheduled_monitor(running.app, MODEL, tick)
        year.seconds.append(time.perf_counter() - begun)
        year.cpu_seconds.append(time.process_time() - used)
        _take_in(year, running, tick)
        if place % 10 == 0:
            progress(f"day {place}: {len(year.raised)} alarms, {statistics.median(year.seconds):.2f} s a pass")
    return year


def _take_in(year: Year, running: Running, tick: datetime) -> None:
    (found,) = running.app.book.passes(MODEL, since=tick)
    _require(found, tick, year.level)
    states = running.app.book.alarms(MODEL).states.values()
    year.raised += [(tick, state.subject) for state in states if state.since == tick]
    for finding in found.findings:
        (year.undecided if finding.verdict.value == "undecided" else year.judged)[finding.monitor.value] += 1
    year.problems += found.problems


def _require(found: Pass, tick: datetime, level: float) -> None:
    """Nothing where the pass is the one of the tick, at the scheduled level. Raises AssertionError."""
    if found.at != tick or abs(found.level - level) > level / 50:
        raise AssertionError(f"the pass of {tick} was made for {found.at} at a level of {found.level:.3g} instead of {level:.3g}")


def _project(folder: Path, seed: int) -> pd.DataFrame:
    """The rows that traffic is drawn from. Version 1, of as many rows drawn from the same ones, is champion."""
    pool = pd.read_csv(data() / "telco_customer_churn.csv.gz")
    # Blanks: customers of no month yet.
    pool["TotalCharges"] = pd.to_numeric(pool["TotalCharges"], errors="coerce")
    first = pool.iloc[np.random.default_rng(seed).integers(len(pool), size=len(pool))].reset_index(drop=True)
    first[ENTITY] = [f"first-{at}" for at in range(len(first))]
    folder.mkdir(parents=True, exist_ok=True)
    first.to_csv(folder / "first.csv", index=False)
    (folder / "driftgate.toml").write_text(SETTINGS, encoding="utf-8")
    project = Project(folder.resolve(), [])
    told(project, "retrain")
    told(project, "promote", "1")
    return pool


def _clock(at: datetime) -> Callable[[], datetime]:
    return lambda: at


def _never() -> str:
    raise AssertionError("every row has an id")


def document(year: Year, days: int) -> dict[str, Any]:
    """The figures of the last line. `budget`: passes that may raise any alarm in a year; one tells all that it found at once."""
    return {
        "days": days,
        "alarms": len(year.raised),
        "alarmed_passes": len({at for at, _ in year.raised}),
        "alarms_by_monitor": dict(year.by_monitor),
        "budget": BUDGET,
        "within_budget": len({at for at, _ in year.raised}) <= BUDGET,
        "seconds_per_pass": round(statistics.median(year.seconds), 3),
        "slowest_pass": round(max(year.seconds), 3),
        "cpu_seconds_per_pass": round(statistics.median(year.cpu_seconds), 3),
        "judged": dict(year.judged),
    }


def shown(year: Year) -> str:
    """The table: what each monitor judged, and what it raised."""
    lines = [f"{'monitor':<24}{'judged':>8}{'undecided':>11}{'alarms':>8}"]
    lines += [
        f"{monitor.value:<24}{year.judged[monitor.value]:>8}{year.undecided[monitor.value]:>11}{year.by_monitor.get(monitor.value, 0):>8}"
        for monitor in Monitor
    ]
    lines += [f"  {at:%Y-%m-%d}  {subject}" for at, subject in year.raised]
    lines += [f"  {times} times: {problem}" for problem, times in Counter(year.problems).most_common(10)]
    return "\n".join(lines)


def main() -> None:
    """Prints the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--rows", type=int, default=ROWS, help="a day")
    parser.add_argument("--seed", type=int, default=0, help="of the halves and of the draws")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="driftgate-year-") as folder:
        year = run(Path(folder), asked.days, seed=asked.seed, rows=asked.rows, progress=lambda said: print(said, flush=True))
    print(
        f"\n{asked.days} daily passes over {asked.rows} rows a day, each at a level of {year.level:.3g}, {BUDGET:g} false alarms a year\n"
    )
    print(shown(year))
    print(json.dumps(document(year, asked.days)))


if __name__ == "__main__":
    main()
