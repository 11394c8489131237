"""Drift of a window against a version's snapshot: an alarm needs significance over everything judged, and materiality."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.measurements import ColumnDrift, DriftMeasurement
from driftgate.lifecycle.verdicts import Verdict
from driftgate.reports.drift.aspects import Materiality
from driftgate.reports.drift.examining import Examined, Sides, examined, paired
from driftgate.reports.drift.family import LEAST_ROWS, family
from driftgate.reports.profiles.frame import FrameProfile

PREDICTION_SHARE = 0.2
"""Share of the level spent on the prediction, which is judged on rows of its own (the holdout); the columns share the rest."""
PREDICTION = "prediction"
THREADED_ROWS = 2_000
"""Rows of both sides from which columns are examined side by side: drawing counts lets go of the interpreter, and so does sorting."""
THREADS = min(4, os.cpu_count() or 1)


def measure(
    model: str,
    version: int,
    reference: FrameProfile,
    current: FrameProfile,
    predictions: tuple[FrameProfile, FrameProfile] | None = None,
    *,
    level: float = 0.05,
    materiality: Materiality | None = None,
    limits: Mapping[str, float] | None = None,
    seed: int = 0,
    problems: Sequence[str] = (),
) -> DriftMeasurement:
    """Every column and the prediction, judged so that the chance of any false alarm is at most `level`.

    Args:
        model: the model's name.
        version: the version whose snapshot is the reference.
        reference: profile of the snapshot's rows, train and holdout.
        current: profile of the window, read by the version's schema.
        predictions: the version's outputs for the holdout and for the window; None: not scored.
        level: the designed chance of any false alarm, in (0, 1).
        materiality: least effects that matter; None for the defaults.
        limits: by column, the least effect of its distribution that matters, in place of `materiality`'s.
        seed: of every random draw.
        problems: what was found wrong while the window was read; the measurement's own come after them.

    Raises:
        InvalidData: a side has no rows at all.
    """
    if current.rows == 0 or reference.rows == 0:
        side = "window" if current.rows == 0 else "reference"
        raise InvalidData(f"the {side} has no rows: drift needs rows on both sides")
    asked = materiality or Materiality()
    share = 1.0 - PREDICTION_SHARE if predictions else 1.0
    found = _each(paired(reference, current), lambda sides: examined(sides, _own(asked, (limits or {}).get(sides.name)), seed))
    columns = family(found, level, share)
    prediction = None
    if predictions is not None:
        outputs = [examined(sides, asked, seed) for sides in paired(*predictions)]
        prediction = _strongest(family(outputs, level, PREDICTION_SHARE))
    every = [*columns, *([prediction] if prediction else [])]
    return DriftMeasurement(
        model=model,
        version=version,
        rows=current.rows,
        reference_rows=reference.rows,
        level=level,
        verdict=_overall(every),
        columns=columns,
        prediction=prediction,
        problems=(*problems, *_problems(current, every, prediction)),
        seed=seed,
    )


def _each(columns: Sequence[Sides], examine: Callable[[Sides], Examined]) -> list[Examined]:
    """Every column examined; long ones side by side, as most of the work lets go of the interpreter."""
    if max((column.current.rows + column.reference.rows for column in columns), default=0) < THREADED_ROWS:
        return [examine(column) for column in columns]
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(examine, columns))


def _own(materiality: Materiality, limit: float | None) -> Materiality:
    if limit is None:
        return materiality
    return replace(materiality, normalised_wasserstein=limit, total_variation=limit)


def strongest(name: str) -> str:
    """The finding that names which of several outputs the prediction's score was taken from."""
    return f"strongest in {name}"


def _strongest(outputs: Sequence[ColumnDrift]) -> ColumnDrift:
    """The prediction as one result: of several classes' probabilities the one that drifted most."""
    if len(outputs) == 1:
        return replace(outputs[0], name=PREDICTION)
    found = max(outputs, key=lambda column: (column.drifted, (column.score or 0.0) / max(column.limit or 0.0, 1e-12)))
    return replace(found, name=PREDICTION, findings=(strongest(found.name), *found.findings))


def _overall(every: Sequence[ColumnDrift]) -> Verdict:
    verdicts = {column.verdict for column in every}
    return next((verdict for verdict in (Verdict.FAIL, Verdict.PASS) if verdict in verdicts), Verdict.UNDECIDED)


def _problems(current: FrameProfile, every: Sequence[ColumnDrift], prediction: ColumnDrift | None) -> list[str]:
    found = [f"column {name!r} is not in the window; it is judged as all missing" for name in current.lost]
    found += [f"column {name!r} is new in the window; the version does not know it, so it is not judged" for name in current.new]
    if all(column.verdict is Verdict.UNDECIDED for column in every):
        found.append(
            f"too little evidence: {current.rows} rows in the window, and every side needs {LEAST_ROWS} (entities, where they repeat)"
        )
    else:
        found += [
            f"column {column.name!r} could not be judged: {column.findings[-1]}" for column in every if column.verdict is Verdict.UNDECIDED
        ]
    if prediction is None:
        found.append("the prediction was not judged: the version's outputs are not there on both sides")
    return found
