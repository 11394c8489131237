"""Prediction: check, split into arms, score, log durably, answer. In that order: no answer leaves before its payload is safe."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from driftgate.lifecycle.arms import Split
from driftgate.lifecycle.errors import InvalidRequest
from driftgate.lifecycle.instances import Instance, check
from driftgate.lifecycle.payloads import Arm, Output, Payload
from driftgate.lifecycle.ports import PayloadLog
from driftgate.lifecycle.schema import Schema


class Rule(Protocol):
    """What answers without a model: the heuristic."""

    def outputs(self, instances: Sequence[Instance]) -> Sequence[Output]:
        """One output per instance, in order."""
        ...


class Served(Rule, Protocol):
    """A version that serves, loaded."""

    @property
    def model(self) -> str:
        """The model's name."""
        ...

    @property
    def number(self) -> int:
        """The version's number."""
        ...

    @property
    def schema(self) -> Schema:
        """The schema frozen with the version."""
        ...


@dataclass(frozen=True, slots=True)
class Lineup:
    """What answers each arm now. An arm without anybody behind it leaves its rows to the champion.

    `counted`: whether the guards of a roll-out want to know how each row fares.
    """

    champion: Served
    split: Split
    challenger: Served | None = None
    heuristic: Rule | None = None
    counted: bool = False

    def checked(self, instances: Sequence[Instance]) -> Sequence[Arm]:
        """The arm that answers each instance. Raises InvalidRequest where the champion cannot take one, naming field and reason.

        A row that the challenger cannot take goes to the champion: starting an experiment breaks no client.
        """
        others = () if self.challenger is None else self.challenger.schema.features
        check(tuple(instances), self.champion.schema, others)
        return [self._arm(instance) for instance in instances]

    def turned_away(self, instances: Sequence[Instance], arms: Sequence[Arm]) -> int:
        """How many instances belong to the challenger and are left to the champion because the challenger's schema does not take them."""
        if self.challenger is None:
            return 0
        left = (instance for instance, arm in zip(instances, arms, strict=True) if arm is Arm.CHAMPION)
        return sum(self.split.arm(instance.entity_id) is Arm.CHALLENGER for instance in left)

    def answering(self, arm: Arm) -> Rule:
        """Who answers the arm."""
        others: Mapping[Arm, Rule | None] = {Arm.CHALLENGER: self.challenger, Arm.HEURISTIC: self.heuristic}
        return others.get(arm) or self.champion

    def version(self, arm: Arm) -> int | None:
        """The number of the version that answers the arm; None for the heuristic."""
        if arm is Arm.CHALLENGER and self.challenger is not None:
            return self.challenger.number
        return None if arm is Arm.HEURISTIC else self.champion.number

    def _arm(self, instance: Instance) -> Arm:
        arm = self.split.arm(instance.entity_id)
        if arm is Arm.HEURISTIC and self.heuristic is None:
            return Arm.CHAMPION
        if arm is Arm.CHALLENGER and (self.challenger is None or not takes(self.challenger, instance)):
            return Arm.CHAMPION
        return arm


def takes(served: Served, instance: Instance) -> bool:
    """Whether the version can score the instance."""
    try:
        check((instance,), served.schema, tuple(instance.features))
    except InvalidRequest:
        return False
    return True


def placed(arms: Sequence[Arm]) -> Mapping[Arm, Sequence[int]]:
    """The positions of the instances of each arm."""
    positions: dict[Arm, list[int]] = {}
    for position, arm in enumerate(arms):
        positions.setdefault(arm, []).append(position)
    return positions


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where payloads get what is not in a request: the clock and fresh ids."""

    now: Callable[[], datetime]
    new_id: Callable[[], str]

    def payload(self, instance: Instance, lineup: Lineup, arm: Arm, output: Output, asked_at: datetime, arrived_at: datetime) -> Payload:
        """The payload of one answer."""
        return Payload(
            prediction_id=instance.prediction_id or self.new_id(),
            model=lineup.champion.model,
            version=lineup.version(arm),
            arm=arm,
            entity_id=instance.entity_id,
            features=instance.features,
            output=output,
            event_time=asked_at,
            arrival_time=arrived_at,
        )


def predict(instances: Sequence[Instance], lineup: Lineup, log: PayloadLog, stamp: Stamp) -> Sequence[Payload]:
    """The logged payloads, in the order of the instances; one whose id was answered before is the payload of then.

    Raises InvalidRequest naming instance, field and reason, and then logs nothing.
    """
    arms = list(lineup.checked(instances))
    asked_at = stamp.now()
    outputs: dict[int, Output] = {}
    for arm, positions in placed(arms).items():
        answering = arm
        found = attempted(lineup, arm, [instances[position] for position in positions])
        if found is None:
            answering = Arm.CHAMPION
            found = lineup.champion.outputs([instances[position] for position in positions])
        for position, output in zip(positions, found, strict=True):
            outputs[position], arms[position] = output, answering
    arrived_at = stamp.now()
    return log.append(
        [
            stamp.payload(instance, lineup, arm, outputs[position], asked_at, arrived_at)
            for position, (instance, arm) in enumerate(zip(instances, arms, strict=True))
        ]
    )


def attempted(lineup: Lineup, arm: Arm, instances: Sequence[Instance]) -> Sequence[Output] | None:
    """The outputs of the arm; None where another than the champion failed, and so the champion answers. Its error is raised."""
    try:
        return lineup.answering(arm).outputs(instances)
    except Exception:
        if arm is Arm.CHAMPION:
            raise
        return None
