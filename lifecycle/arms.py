"""How traffic is split: an entity's arm, from a hash."""

import hashlib
from dataclasses import dataclass, replace

from driftgate.lifecycle.payloads import Arm


@dataclass(frozen=True, slots=True)
class Split:
    """Shares of traffic: the challenger's, the heuristic's, and the champion has the rest.

    Every entity is a point of [0, 1), fixed by the salt and its id: the challenger owns the low end, the heuristic the high
    end, the champion what lies between. So an entity keeps its arm while the shares stand, and a share that changes moves
    entities between that arm and the champion only: as few as can be, unless one share grows while the other shrinks (no
    rule without memory is minimal there too; Bavarian et al., "Optimality of correlated sampling strategies", 2020).
    """

    salt: str
    challenger: float = 0.0
    heuristic: float = 0.0

    def __post_init__(self) -> None:
        if not (self.challenger >= 0.0 and self.heuristic >= 0.0 and self.challenger + self.heuristic <= 1.0):
            raise ValueError(f"shares must be at least 0 and at most 1 together, not {self.challenger} and {self.heuristic}")

    def rolled_out(self, share: float) -> "Split":
        """The same split with another share for the challenger; the heuristic keeps its entities, and so bounds it.

        A larger share leaves everybody where they are who was the challenger's under a smaller one.
        """
        return replace(self, challenger=min(share, 1.0 - self.heuristic))

    def arm(self, entity_id: str | None) -> Arm:
        """The entity's arm; without an entity the champion, outside every experiment."""
        if entity_id is None or self.challenger + self.heuristic == 0.0:
            return Arm.CHAMPION
        point = position(self.salt, entity_id)
        if point < self.challenger:
            return Arm.CHALLENGER
        return Arm.HEURISTIC if point >= 1.0 - self.heuristic else Arm.CHAMPION


def position(salt: str, entity_id: str) -> float:
    """The entity's place in [0, 1): the first 64 bits of a SHA-256, of which a float keeps 53."""
    digest = hashlib.sha256(f"{salt}\0{entity_id}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) * 2.0**-53
