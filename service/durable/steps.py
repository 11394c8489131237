"""The wiring between flows and DBOS: each call on a port becomes a checkpointed step."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from driftgate.lifecycle.errors import Unavailable

Port = TypeVar("Port")

RETRIES = 5
FIRST_PAUSE_SECONDS = 0.5


class Checkpointed(Generic[Port]):
    """A port whose method calls are steps of the running workflow: done once, and answered from the record after a restart.

    A step may still run twice where the process dies between its effect and its record, so every port call must bear
    repetition. A store that does not answer is tried again with growing pauses; any other error is the workflow's.
    """

    def __init__(self, port: Port, name: str) -> None:
        self._port = port
        self._name = name

    def __getattr__(self, method: str) -> Callable[..., Any]:
        from dbos import DBOS

        bound = getattr(self._port, method)

        def step(*args: Any, **kwargs: Any) -> Any:
            return DBOS.run_step(
                {
                    "name": f"{self._name}.{method}",
                    "retries_allowed": True,
                    "max_attempts": RETRIES,
                    "interval_seconds": FIRST_PAUSE_SECONDS,
                    "backoff_rate": 2.0,
                    "should_retry": _may_pass,
                },
                bound,
                *args,
                **kwargs,
            )

        return step


def checkpointed(port: Port, name: str) -> Port:
    """The port, with every method call a step named `name.method`."""
    return cast("Port", Checkpointed(port, name))


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, Unavailable)
