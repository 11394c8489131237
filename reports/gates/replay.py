"""Logged payloads, scored again by another version."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.lifecycle.errors import DriftgateError
from driftgate.lifecycle.instances import Instance, check
from driftgate.lifecycle.measurements_gates import Replay
from driftgate.lifecycle.payloads import Payload
from driftgate.lifecycle.plan import Scalar
from driftgate.lifecycle.ports import Scorer
from driftgate.lifecycle.schema import Schema, Task
from driftgate.reports.performance import predicted

Floats: TypeAlias = npt.NDArray[np.float64]

BATCH = 256
EXAMPLES = 3
"""Different errors that are told."""
TOLERATED = 0.1
"""Standard deviations of the logged answers by which a number may differ before it counts as another answer."""
HERE = "instances[0].features."
"""How `check` begins the name of a field of the one row that it is given."""


def measure(scorer: Scorer, payloads: Sequence[Payload], *, asked: int, threshold: float | None = None) -> Replay:
    """What the version says to the payloads, each checked as a request would be; features that it does not know do no harm."""
    schema = scorer.schema
    errors: list[str] = []
    taken: list[tuple[Payload, Any]] = []
    for start in range(0, len(payloads), BATCH):
        good = [payload for payload in payloads[start : start + BATCH] if _can_be_taken(payload, schema, errors)]
        taken += _answered(scorer, good, errors)
    comparable = [(payload, answer) for payload, answer in taken if _comparable(payload, schema)]
    changed, moved = _changes(schema, comparable, threshold)
    return Replay(asked, len(payloads), len(errors), tuple(dict.fromkeys(errors))[:EXAMPLES], len(comparable), changed, moved)


def _can_be_taken(payload: Payload, schema: Schema, errors: list[str]) -> bool:
    try:
        check((Instance(payload.features),), schema, tuple(payload.features))
    except DriftgateError as error:
        errors.append(error.message.replace(HERE, ""))
        return False
    return True


def _answered(scorer: Scorer, payloads: Sequence[Payload], errors: list[str]) -> list[tuple[Payload, Any]]:
    """The payloads with their answers; where a batch cannot be scored, row by row, and what fails is an error."""
    if not payloads:
        return []
    rows: list[Mapping[str, Scalar]] = [payload.features for payload in payloads]
    try:
        return list(zip(payloads, np.asarray(scorer.score_rows(rows)), strict=True))
    except Exception as error:  # noqa: BLE001 - whatever the version raises, callers would have got no answer
        if len(payloads) == 1:
            errors.append(error.message if isinstance(error, DriftgateError) else f"{type(error).__name__}: {error}")
            return []
    return [answer for payload in payloads for answer in _answered(scorer, [payload], errors)]


def _comparable(payload: Payload, schema: Schema) -> bool:
    said = payload.output.prediction
    if schema.task is Task.REGRESSION:
        return not isinstance(said, str) and bool(np.isfinite(said))
    return said in schema.classes


def _changes(schema: Schema, taken: Sequence[tuple[Payload, Any]], threshold: float | None) -> tuple[int, float | None]:
    """How many answers differ, and by how much on average: of the probability of the logged class, or of the number."""
    if not taken:
        return 0, None
    answers = np.array([answer for _, answer in taken], dtype=np.float64)
    if schema.task is Task.REGRESSION:
        logged = np.array([payload.output.prediction for payload, _ in taken], dtype=np.float64)
        gaps = np.abs(answers - logged)
        return int((gaps > TOLERATED * float(logged.std())).sum()), float(gaps.mean())
    places = np.array([schema.classes.index(str(payload.output.prediction)) for payload, _ in taken])
    changed = int((predicted(answers, threshold) != places).sum())
    told = [
        abs(float(answer[place]) - payload.output.probabilities[place])
        for (payload, answer), place in zip(taken, places.tolist(), strict=True)
        if len(payload.output.probabilities) == len(schema.classes)
    ]
    return changed, float(np.mean(told)) if told else None
