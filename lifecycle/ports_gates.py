"""What the optional gates need measured: a part of the Examiner port."""

from typing import Protocol

from driftgate.lifecycle.measurements_gates import Cost, DataQuality, Freshness, HoldoutCalibration, Replay, Slices
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.versions import Version


class GateMeasurements(Protocol):
    """Measurements that need limits, because a chance is asked of them, take them from the policy that they are given."""

    def data_quality(self, candidate: Version, champion: Version | None, policy: Policy) -> DataQuality:
        """What is wrong with the candidate's snapshot, by itself and beside the champion's."""
        ...

    def calibration(self, candidate: Version, champion: Version | None, policy: Policy) -> HoldoutCalibration:
        """Whether the candidate's predictions mean what they say on its holdout, beside the champion's on the same rows."""
        ...

    def slices(self, candidate: Version, champion: Version, policy: Policy) -> Slices:
        """The comparison, segment by segment, on the rows of `comparison`."""
        ...

    def freshness(self, candidate: Version, champion: Version | None, policy: Policy) -> Freshness:
        """How well the newest payloads can be told from the candidate's snapshot, and from the champion's."""
        ...

    def replay(self, candidate: Version, policy: Policy) -> Replay:
        """What the candidate says to the newest payloads."""
        ...

    def cost(self, candidate: Version, champion: Version | None) -> Cost:
        """What the candidate's answers cost, measured in turn with the champion's."""
        ...
