"""Prediction: check, score, log durably, answer. In that order: no answer leaves before its payload is safe."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from driftgate.lifecycle.instances import Instance, check
from driftgate.lifecycle.payloads import Arm, Output, Payload
from driftgate.lifecycle.ports import PayloadLog
from driftgate.lifecycle.schema import Schema


class Served(Protocol):
    """The version that serves, loaded."""

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

    def outputs(self, instances: Sequence[Instance]) -> Sequence[Output]:
        """One output per instance, in order."""
        ...


def predict(
    instances: Sequence[Instance], served: Served, log: PayloadLog, now: Callable[[], datetime], new_id: Callable[[], str]
) -> Sequence[Payload]:
    """The logged payloads, in the order of the instances; one whose id was answered before is the payload of then.

    Raises InvalidRequest naming instance, field and reason, and then logs nothing.
    """
    check(tuple(instances), served.schema)
    asked_at = now()
    outputs = served.outputs(instances)
    arrived_at = now()
    payloads = [
        Payload(
            prediction_id=instance.prediction_id or new_id(),
            model=served.model,
            version=served.number,
            arm=Arm.CHAMPION,
            entity_id=instance.entity_id,
            features=dict(instance.features),
            output=output,
            event_time=asked_at,
            arrival_time=arrived_at,
        )
        for instance, output in zip(instances, outputs, strict=True)
    ]
    return log.append(payloads)
