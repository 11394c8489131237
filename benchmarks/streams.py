"""Which alarms are right on real streams: recall and false alarms against "the loss grew by more than 10 %", ours beside simple rules.

Run: `python -m benchmarks.streams`. Six streams, three of bank by row order and three of bike by month;
a version is kept from the reference block on, and beside it others are refitted on the way. For each window: the loss that it had in the
end, what Driftgate alarmed of at its end (the outcomes of the window before were known then), and what the loss was expected to
be by each reading without outcomes. Every definition: docs/discussions/alarms.md. The last line is one JSON object.
"""

import argparse
import json
import multiprocessing
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")

import numpy as np
import pandas as pd

from benchmarks.alarms import evidently, plain
from benchmarks.stream_tables import GROWTH, OURS, Seen, by_reading, by_rule, counted, windows
from benchmarks.stream_windows import Floats, Look, Stream, Version, looks, streams
from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.findings import Finding, Reading
from driftgate.lifecycle.judging import drift as judged_drift
from driftgate.lifecycle.judging import expected_loss, live
from driftgate.lifecycle.judging import shift as judged_shift
from driftgate.lifecycle.judging.expected_loss import Matured
from driftgate.lifecycle.measurements import DriftMeasurement
from driftgate.lifecycle.measurements_shift import EnvelopePoint
from driftgate.reports import degradation, losses, scenarios
from driftgate.reports.drift import measure as drift
from driftgate.reports.live import performance
from driftgate.reports.profiles.frame import FrameProfile, outputs_profile, profile
from driftgate.reports.shift import domain, expected, unlabelled
from driftgate.training.schema import conform

LEVEL = 0.05
SHIFT_AUC = 0.55
EVIDENTLY_SHARE = 0.5


@dataclass(frozen=True)
class Prepared:
    """What is measured once for a version."""

    version: Version
    snapshot: pd.DataFrame
    data: FrameProfile
    predictions: FrameProfile
    envelope: tuple[EnvelopePoint, ...]


@dataclass(frozen=True)
class Known:
    """What the monitor knows of the window before, once its outcomes have matured. `performance`: the finding on its loss."""

    matured: Matured
    performance: Finding


def run(processes: int = 2, seed: int = 0) -> dict[str, Any]:
    """The rows of every stream, our recall and share of false alarms, and the tables by rule and by reading; prints the tables."""
    longest = sorted(streams(), key=lambda stream: -len(stream.windows))
    with multiprocessing.get_context("spawn").Pool(processes) as workers:
        parts = workers.starmap(watched, [(stream, seed) for stream in longest], chunksize=1)
    rows = sorted((row for part in parts for row in part), key=lambda row: row.stream)
    rules, told = by_rule(rows), by_reading(rows)
    print(f"\nReal streams: {len(rows)} windows, the loss of {sum(row.grew for row in rows)} grew by more than {GROWTH:.0%}")
    _print(counted(rows))
    print("\nRules: recall = share of the windows with growth that alarmed, false = share of those without")
    _print(rules)
    print("\nReadings without outcomes: rank correlation with the measured growth, and share of intervals that hold it")
    _print(told)
    print("\nEvery window: whether we alarmed, whether the loss grew, by how much, and what each reading expected (blank: undecided)")
    _print(windows(rows))
    ours = rules[rules["rule"] == OURS].iloc[0]
    return {
        "rows": rows,
        "rules": rules.to_dict("records"),
        "readings": told.to_dict("records"),
        "stream_recall": float(ours["recall"]),
        "stream_false_alarm_rate": float(ours["false"]),
    }


def watched(stream: Stream, seed: int = 0) -> list[Seen]:
    """Every window of the stream, in the order in which each version saw them."""
    warnings.filterwarnings("ignore")
    found: list[Seen] = []
    ready: Prepared | None = None
    before: Known | None = None
    for look in looks(stream, seed):
        if ready is None or ready.version is not look.version:
            ready = prepared(look.version)
        seen, before = _seen(stream.name, ready, look, None if look.first else before)
        found += [seen] if look.counted else []
    return found


def prepared(version: Version) -> Prepared:
    """The version's profiles and its envelope, from the standard scenarios."""
    schema, snapshot, holdout = version.schema, version.snapshot, version.holdout
    simulated = degradation.simulate(
        version, holdout, losses.truth(holdout[schema.target], schema), scenarios.standard(schema, len(holdout))
    )
    return Prepared(
        version,
        snapshot,
        profile(snapshot, schema),
        outputs_profile(schema, version.holdout_outputs),
        expected.envelope(schema, holdout, simulated),
    )


def _seen(stream: str, ready: Prepared, look: Look, before: Known | None) -> tuple[Seen, Known]:
    version, schema = ready.version, ready.version.schema
    window = conform(look.window, schema, with_target=True)
    said = version.score(window)
    moved = drift.measure("stream", 1, ready.data, profile(window, schema), (ready.predictions, outputs_profile(schema, said)), level=LEVEL)
    shift = judged_shift.domain(domain.measure(schema, ready.snapshot, window), SHIFT_AUC, LEVEL)
    estimate = _estimate(version, window, said)
    readings = _readings(ready, window, moved, estimate)
    drifted = (*judged_drift.data_drift(moved, {}), *judged_drift.prediction_drift(moved, LEVEL))
    loss = expected_loss.judged(drifted, shift, readings, before.matured if before else None, tolerated=GROWTH)
    late = before is not None and before.performance.alarms
    alarms = {
        OURS: loss.alarms or late,
        "  drift, confirmed, not cleared": loss.alarms,
        "  outcomes of the window before": late,
        "estimate without outcomes": estimate.alarms,
        "drift alone": bool(moved.drifted),
        "domain AUC > 0.55": shift.value is not None and shift.value > SHIFT_AUC,
        **{f"{reading.assumption.value}: growth > 10 %": _over(reading) for reading in readings},
        **_peers(ready.snapshot, window, schema.features),
    }
    known = _known(version, window, said, drifted=bool(moved.drifted))
    growth = known.matured.growth
    seen = Seen(stream, look.kind, look.at, len(window), growth, alarms, {reading.assumption: reading.growth for reading in readings})
    return seen, known


def _known(version: Version, window: pd.DataFrame, said: Floats, *, drifted: bool) -> Known:
    """The window's performance, as it will be known when its outcomes have matured."""
    measured = performance.measure(
        version.schema, said, window[version.schema.target], loss_growth=GROWTH, reference_losses=version.holdout_losses
    )
    finding = next(each for each in live.performance(measured, None, {}, GROWTH, LEVEL) if each.name == "loss_growth")
    if measured.growth is None:
        raise InvalidData("a window of a stream has no loss to compare")
    return Known(Matured(measured.growth, measured.rows, drifted), finding)


def _readings(ready: Prepared, window: pd.DataFrame, moved: DriftMeasurement, estimate: Finding) -> tuple[Reading, ...]:
    """The loss to expect by each reading that needs no outcomes."""
    version = ready.version
    return (
        expected.corrupt(ready.envelope, moved.columns),
        expected.moved(version.schema, version.holdout, version.holdout_losses, window),
        *estimate.readings,
    )


def _estimate(version: Version, window: pd.DataFrame, said: Floats) -> Finding:
    """What the version's own confidence (regression: the holdout's errors) says, and whether that alarms."""
    truth = losses.truth(version.holdout[version.schema.target], version.schema)
    found = unlabelled.estimate(version.schema, version.holdout_outputs, truth, said, frames=(version.holdout, window))
    return judged_shift.expected_performance(found, GROWTH, LEVEL)


def _over(reading: Reading) -> bool:
    return reading.growth is not None and reading.growth.value > GROWTH


def _peers(snapshot: pd.DataFrame, window: pd.DataFrame, names: Sequence[str]) -> dict[str, bool]:
    """Evidently's defaults on every column (its data set drifts where half of them do), and plain tests on the same."""
    drifted = [evidently(snapshot[name], window[name]) > 1 for name in names]
    return {
        "Evidently, half of the columns": float(np.mean(drifted)) >= EVIDENTLY_SHARE,
        "Evidently, any column": any(drifted),
        "plain p < 0.05, any column": any(plain(snapshot[name], window[name]) > 1 for name in names),
    }


def _print(table: pd.DataFrame) -> None:
    print(table.to_string(index=False, na_rep="", float_format=lambda value: f"{value:.3f}"))


def main() -> None:
    """Prints the tables and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the splits and the fits")
    asked = parser.parse_args()
    found = run(asked.processes, asked.seed)
    print(json.dumps({key: value for key, value in found.items() if key != "rows"}))


if __name__ == "__main__":
    main()
