"""Whether drift alarms can be trusted: false alarms where nothing drifted, drifts found where one was planted, and real streams.

Run: `python -m benchmarks.alarms` (about twenty minutes on two cores; `--repetitions 20 --no-streams` for a look). Reference and window are
drawn independently, with replacement, from one pool of real rows. Beside ours, on the very same rows: Evidently's defaults, its stat
tests called directly, and plain p < 0.05 (Kolmogorov-Smirnov, chi-square). As planted drifts can be found by crying wolf, power is compared
with both peers after their thresholds were moved until they raise false alarms as often as we do. With 200 repetitions a difference of two
such shares is off by .03 or more: pools and windows in which ours is behind by more than .05 are measured again, with five times as many
other repetitions, and all that comes of these counts. The last line is one JSON object.
"""

import argparse
import json
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")

import numpy as np
import pandas as pd

from benchmarks.pools import Pool, pools
from driftgate.lifecycle.schema import Column, ColumnKind, Schema
from driftgate.reports.drift.aspects import Materiality
from driftgate.reports.drift.examining import Examined, examined, paired
from driftgate.reports.drift.family import family
from driftgate.reports.profiles.frame import profile

REFERENCE = 5_000
WINDOWS = (50, 100, 300, 1_000, 5_000, 20_000)
REPETITIONS = 200
BEHIND = 0.05
AGAIN = 5
LEVEL = 0.05
PLAIN = 0.05
CONFIDENCE = 0.99
LOGNORMAL = "lognormal"

Change = Callable[[pd.Series, np.random.Generator, Pool], pd.Series]


@dataclass(frozen=True)
class Planted:
    """A drift: which column it befalls (`number`, `category` or the made-up `lognormal` one) and what it does to the window's values."""

    name: str
    role: str
    change: Change


def _shifted(by: float) -> Change:
    return lambda values, _, pool: values + by * float(pool.rows[pool.number].std())


def _scaled(values: pd.Series, _: np.random.Generator, pool: Pool) -> pd.Series:
    """Spread about the pool's mean times 1.3."""
    centre = float(pool.rows[pool.number].mean()) if values.name != LOGNORMAL else 0.0
    return centre + 1.3 * (values - centre)


def _outliers(values: pd.Series, rng: np.random.Generator, _: Pool) -> pd.Series:
    return values.where(rng.random(len(values)) >= 0.05, 5 * values)


def _missing(share: float) -> Change:
    return lambda values, rng, _: values.where(rng.random(len(values)) >= share)


def _unseen(values: pd.Series, rng: np.random.Generator, _: Pool) -> pd.Series:
    return values.where(rng.random(len(values)) >= 0.03, "a level never seen")


def _moved(points: float) -> Change:
    def change(values: pd.Series, rng: np.random.Generator, pool: Pool) -> pd.Series:
        shares = pool.rows[values.name].value_counts(normalize=True)
        (common, second), share = shares.index[:2], float(shares.iloc[0])
        return values.where((values != common) | (rng.random(len(values)) >= points / share), second)

    return change


PLANTED = (
    Planted("mean +0.25 sd", "number", _shifted(0.25)),
    Planted("mean +0.5 sd", "number", _shifted(0.5)),
    Planted("mean +1 sd", "number", _shifted(1.0)),
    Planted("scale x1.3", "number", _scaled),
    Planted("5 % of rows x5", "number", _outliers),
    Planted("5 % missing", "number", _missing(0.05)),
    Planted("20 % missing", "number", _missing(0.20)),
    Planted("share +10 points", "category", _moved(0.10)),
    Planted("share +20 points", "category", _moved(0.20)),
    Planted("unseen level 3 %", "category", _unseen),
    Planted("lognormal x1.3", LOGNORMAL, _scaled),
    Planted("lognormal 5 % x5", LOGNORMAL, _outliers),
)


@dataclass
class Cell:
    """One pool at one window size: how strongly each repetition spoke, without drift and by planted drift.

    Ours: 1 where the alarm was raised. Peers: threshold over p-value or score over threshold, more than 1 being their alarm.
    `false_lognormal`: of a made-up column that did not drift, which stands beside the real ones where drift is planted in such a one.
    """

    pool: str
    window: int
    false: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in SIDES})
    false_lognormal: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in SIDES})
    found: dict[str, dict[str, list[float]]] = field(default_factory=dict)


SIDES = ("ours", "evidently", "plain")


def measured(pool: Pool, window: int, repetitions: int, reference: int, first: int = 0) -> Cell:
    """The cell, by as many repetitions, from that number on: each has its own rows."""
    warnings.filterwarnings("ignore")
    cell = Cell(pool.name, window)
    for repetition in range(first, first + repetitions):
        rng = np.random.default_rng((repetition, window, reference, sum(map(ord, pool.name))))
        before, after = (pool.rows.iloc[rng.integers(len(pool.rows), size=size)].reset_index(drop=True) for size in (reference, window))
        examination = _examined(pool.schema, before, after)
        cell.false["ours"].append(float(any(column.drifted for column in family(examination, LEVEL, 1.0))))
        for name, test in PEERS.items():
            cell.false[name].append(max(test(before[column], after[column]) for column in pool.rows.columns))
        quiet = [pd.Series(rng.lognormal(size=size), name=LOGNORMAL) for size in (reference, window)]
        for name, test in PEERS.items():
            cell.false_lognormal[name].append(test(quiet[0], quiet[1]))
        for planted, column, sides in _planted(pool, before, after, rng):
            _add(cell.found.setdefault(planted.name, {name: [] for name in SIDES}), pool, examination, column, sides)
    return cell


def _planted(
    pool: Pool, before: pd.DataFrame, after: pd.DataFrame, rng: np.random.Generator
) -> Iterator[tuple[Planted, Column, tuple[pd.Series, pd.Series]]]:
    for planted in PLANTED:
        if planted.role == LOGNORMAL:
            column = Column(LOGNORMAL, ColumnKind.NUMERIC)
            sides = [pd.Series(rng.lognormal(size=len(side)), name=LOGNORMAL) for side in (before, after)]
        else:
            name = pool.number if planted.role == "number" else pool.category
            if name is None:
                continue
            column = pool.schema.column(name)
            sides = [before[name], after[name]]
        yield planted, column, (sides[0], planted.change(sides[1], rng, pool))


def _add(into: dict[str, list[float]], pool: Pool, without: Sequence[Examined], column: Column, sides: tuple[pd.Series, pd.Series]) -> None:
    """Whether the drifted column was found, among the others as they were drawn."""
    schema = Schema(task=pool.schema.task, target=pool.schema.target, columns=(column,))
    (mine,) = _examined(schema, sides[0].to_frame(), sides[1].to_frame())
    others = [member for member in without if member.sides.name != column.name]
    into["ours"].append(float(family([mine, *others], LEVEL, 1.0)[0].drifted))
    for name, test in PEERS.items():
        into[name].append(test(*sides))


def _examined(schema: Schema, before: pd.DataFrame, after: pd.DataFrame) -> list[Examined]:
    return [examined(sides, Materiality(), 0) for sides in paired(profile(before, schema), profile(after, schema))]


def evidently(before: pd.Series, after: pd.Series) -> float:
    """What Evidently's default test for such a column says, over its threshold."""
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    kind = ColumnType.Numerical if before.dtype == np.float64 else ColumnType.Categorical
    test = get_stattest(before, after, kind, None)
    try:
        result = test(before.dropna(), after.dropna(), kind, None)
    except (ValueError, ZeroDivisionError):
        return 0.0
    return _strength(float(result.drift_score), float(result.actual_threshold), is_p="p_value" in test.display_name)


def plain(before: pd.Series, after: pd.Series) -> float:
    """Kolmogorov-Smirnov or chi-square on the two rows at 0.05."""
    from scipy.stats import chi2_contingency, ks_2samp

    before, after = before.dropna(), after.dropna()
    if not len(after):
        return 0.0
    if before.dtype == np.float64:
        return _strength(float(ks_2samp(before, after, method="asymp").pvalue), PLAIN, is_p=True)
    counts = pd.concat([before.value_counts(), after.value_counts()], axis=1).fillna(0).to_numpy()
    return 0.0 if len(counts) < 2 else _strength(float(chi2_contingency(counts).pvalue), PLAIN, is_p=True)


def _strength(score: float, threshold: float, *, is_p: bool) -> float:
    if np.isnan(score):
        return 0.0
    return threshold / max(score, 1e-300) if is_p else score / threshold


PEERS: Mapping[str, Callable[[pd.Series, pd.Series], float]] = {"evidently": evidently, "plain": plain}


def false_rows(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Per cell the share of windows with any alarm, and how low our true share may be at 99 % (Clopper and Pearson 1934)."""
    from scipy.stats import beta

    rows = []
    for cell in cells:
        alarms, runs = int(sum(cell.false["ours"])), len(cell.false["ours"])
        row: dict[str, Any] = {"pool": cell.pool, "window": cell.window, "ours": alarms / runs}
        row["at_least"] = float(beta.ppf((1 - CONFIDENCE) / 2, alarms, runs - alarms + 1)) if alarms else 0.0
        for name in PEERS:
            row[name] = float(np.mean(np.array(cell.false[name]) > 1))
        rows.append(row)
    return rows


def power_rows(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Per cell and planted drift the share found: by ours, by the peers as they come, and at our false-alarm rate."""
    rows = []
    for cell in cells:
        rate = float(np.mean(cell.false["ours"]))
        for drift, found in cell.found.items():
            moved = {name: _moved_threshold(cell, name, rate, lognormal=drift.startswith(LOGNORMAL)) for name in PEERS}
            row: dict[str, Any] = {"pool": cell.pool, "window": cell.window, "drift": drift, "ours": float(np.mean(found["ours"]))}
            for name in PEERS:
                strengths = np.array(found[name])
                row[name], row[f"{name}_fair"] = float(np.mean(strengths > 1)), float(np.mean(strengths > moved[name]))
            row["over_best"] = row["ours"] - max(row[f"{name}_fair"] for name in PEERS)
            rows.append(row)
    return rows


def with_second(first: Sequence[dict[str, Any]], second: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, those of a pool and window that was measured a second time as they came out then."""
    later = {_place(row) for row in second}
    return [*(row for row in first if _place(row) not in later), *second]


def _place(row: Mapping[str, Any]) -> tuple[str, int]:
    return row["pool"], row["window"]


def _moved_threshold(cell: Cell, peer: str, rate: float, *, lognormal: bool) -> float:
    """How strongly the peer must speak to raise false alarms at that rate; at no lower one than these repetitions can show."""
    strengths = np.array(cell.false[peer])
    if lognormal:
        strengths = np.maximum(strengths, cell.false_lognormal[peer])
    return float(np.quantile(strengths, 1 - max(rate, 1 / len(strengths)), method="higher"))


def main() -> None:
    """Prints the tables and the JSON line."""
    asked = _arguments()
    jobs = [(pool, window, asked.repetitions, asked.reference) for window in sorted(WINDOWS, reverse=True) for pool in pools()]
    with multiprocessing.get_context("spawn").Pool(asked.processes) as workers:
        cells = workers.starmap(measured, jobs, chunksize=1)
        false, power = false_rows(cells), power_rows(cells)
        behind = {(row["pool"], row["window"]) for row in power if row["over_best"] < -BEHIND}
        again = [
            (pool, window, AGAIN * repetitions, reference, repetitions)
            for pool, window, repetitions, reference in jobs
            if (pool.name, window) in behind
        ]
        second = power_rows(workers.starmap(measured, again, chunksize=1))
    once = [row for row in power if row["over_best"] < -BEHIND]
    power = with_second(power, second)
    false.sort(key=_place)
    power.sort(key=_place)
    print(f"No drift: share of windows with at least one alarm ({asked.repetitions} repetitions, reference {asked.reference} rows)")
    _print(false)
    print("\nPlanted drift: share found; *_fair: with thresholds moved to our false-alarm rate")
    _print(power)
    if again:
        print(f"\nbehind by more than {BEHIND} at first, so that their pools and windows were measured again:")
        _print(once)
    worst = min(power, key=lambda row: row["over_best"])
    print(f"\nweakest cell: {worst['pool']}, {worst['window']} rows, {worst['drift']}: {worst['over_best']:+.3f} beside the best peer")
    figures = {
        "worst_false_alarm_rate": max(row["ours"] for row in false),
        "worst_false_alarm_lower_bound": max(row["at_least"] for row in false),
        "power_over_best_peer_mean": float(np.mean([row["over_best"] for row in power])),
        "power_over_best_peer_min": worst["over_best"],
        "power_cells_behind": sum(row["over_best"] < -BEHIND for row in power),
    }
    if asked.streams:
        from benchmarks import streams

        figures |= {key: value for key, value in streams.run().items() if key.startswith("stream_")}
    print(json.dumps(figures))


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    print(pd.DataFrame(rows).to_string(index=False, float_format=lambda value: f"{value:.3f}"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--reference", type=int, default=REFERENCE)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--streams", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
