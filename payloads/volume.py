"""How many predictions there were in a window, and what they were on average: read from SQL a piece at a time."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from driftgate.lifecycle.payloads import Arm, Output, Payload


@dataclass
class Volume:
    """Predictions counted.

    `mean`: of the positive class's probability (binary) or of the number (regression), over the `averaged` predictions that
    have one; None where none has. `labels`: how often each label was predicted (classification).
    """

    count: int = 0
    averaged: int = 0
    mean: float | None = None
    labels: Counter[str] = field(default_factory=Counter)

    def add(self, output: Output) -> None:
        """Counts one prediction."""
        self.count += 1
        if isinstance(output.prediction, str):
            self.labels[output.prediction] += 1
        value = _averaged(output)
        if value is not None:
            self.averaged += 1
            # Term by term: a sum of large numbers could leave the range of a float.
            self.mean = value if self.mean is None else self.mean + (value / self.averaged - self.mean / self.averaged)


def volumes(pieces: Iterable[Sequence[Payload]]) -> tuple[Volume, Mapping[tuple[Arm, int | None], Volume]]:
    """The volume of the payloads as a whole, and of each arm and version. Memory does not grow with their number."""
    whole, parts = Volume(), dict[tuple[Arm, int | None], Volume]()
    for piece in pieces:
        for payload in piece:
            whole.add(payload.output)
            parts.setdefault((payload.arm, payload.version), Volume()).add(payload.output)
    return whole, parts


def _averaged(output: Output) -> float | None:
    """The positive class's probability where there are two classes, else the predicted number, where it is finite."""
    value = output.probabilities[1] if len(output.probabilities) == 2 else output.prediction  # noqa: PLR2004 - two classes: a binary model
    return None if isinstance(value, str | bool) or not math.isfinite(value) else float(value)
