"""What the guards of a roll-out need from the outside."""

from collections.abc import Sequence
from typing import Protocol

from driftgate.lifecycle.measurements_impact import Duel
from driftgate.lifecycle.measurements_rollout import Failures, OutputChange, Pair, Slowness


class Gauge(Protocol):
    """Measures two versions beside each other on live traffic. Raises StoreUnavailable where it cannot be read."""

    def failures(self, pair: Pair) -> Failures:
        """Rows that could not be answered; cheap."""
        ...

    def slowness(self, pair: Pair, ratio: float) -> Slowness:
        """Times to answer; `ratio`: how much slower than the other it may be; cheap."""
        ...

    def outputs(self, pair: Pair) -> OutputChange:
        """How different the answers are. It reads the payloads of both."""
        ...

    def losses(self, pair: Pair) -> Sequence[Duel]:
        """The duels of their arms by loss, on matured outcomes; none where there are no such rows of both."""
        ...
