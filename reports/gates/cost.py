"""What a version's answers cost: time, measured warm and in turn with the champion's, size, and memory."""

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from driftgate.lifecycle.measurements_gates import Cost, Footprint
from driftgate.lifecycle.ports import Scorer
from driftgate.reports.shift.crossfit import one_thread

BATCH_ROWS = 64
ROUNDS, CALLS = 4, 12
"""Rounds, and timed calls of each version in one. A machine is seldom busy in all rounds, and a slow version is slow in all."""
WARM_CALLS = 3
SECONDS = 4.0
"""After so long no further round is begun."""
LOADS = 2
"""Times that the memory is measured; the least counts, because what other threads allocate meanwhile is counted as well."""
MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class Subject:
    """A version to be measured: as it is loaded, how to load it anew, its artifact, and rows that it takes."""

    number: int
    scorer: Scorer
    load: Callable[[], Scorer]
    artifact: Path
    rows: Any


def measure(candidate: Subject, champion: Subject | None = None) -> Cost:
    """The costs of both on their rows, calls in turn, so that a slow moment of the machine meets both alike."""
    subjects = [candidate] if champion is None else [candidate, champion]
    with one_thread():
        timed = _timed(subjects)
    own, *rivals = [
        Footprint(
            p99_ms=float(min(np.quantile(round_, 0.99) for round_ in rounds)) * 1_000,
            median_ms=float(np.median(np.concatenate(rounds))) * 1_000,
            calls=sum(len(round_) for round_ in rounds),
            artifact_mb=sum(file.stat().st_size for file in subject.artifact.rglob("*") if file.is_file()) / MEGA,
            fastest_ms=float(min(min(round_) for round_ in rounds)) * 1_000,
            memory_mb=min(_peak(subject) for _ in range(LOADS)) / MEGA,
        )
        for subject, rounds in zip(subjects, timed, strict=True)
    ]
    return Cost(len(candidate.rows), own, rivals[0] if rivals else None, None if champion is None else champion.number)


def _timed(subjects: list[Subject]) -> list[list[list[float]]]:
    """By version and round, the seconds of each call, after some that are not counted. On one thread, as it is served."""
    for subject in subjects:
        for _ in range(WARM_CALLS):
            subject.scorer.score(subject.rows)
    found: list[list[list[float]]] = [[] for _ in subjects]
    began = time.perf_counter()
    for round_ in range(ROUNDS):
        if round_ and time.perf_counter() - began > SECONDS:
            break
        for own in found:
            own.append([])
        for call in range(CALLS):
            # Whoever comes second may find the processor's caches full of the other: so they take turns at that too.
            for place in range(len(subjects)) if call % 2 else reversed(range(len(subjects))):
                start = time.perf_counter()
                subjects[place].scorer.score(subjects[place].rows)
                found[place][-1].append(time.perf_counter() - start)
    return found


def _peak(subject: Subject) -> int:
    """Bytes that loading the version and scoring the rows held at most, as Python and NumPy allocate them."""
    mine = not tracemalloc.is_tracing()
    if mine:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        subject.load().score(subject.rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        if mine:
            tracemalloc.stop()
    return max(peak - before, 0)
