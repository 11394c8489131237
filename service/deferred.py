"""An adapter that is made when it is first used, with the modules it needs."""

from collections.abc import Callable
from threading import Lock
from typing import Any, Generic, TypeVar, cast

Port = TypeVar("Port")


class Deferred(Generic[Port]):
    """Stands for a port until somebody calls it. A command that never watches does not wait for what watching imports."""

    def __init__(self, make: Callable[[], Port]) -> None:
        self._make: Callable[[], Port] | None = make
        self._making = Lock()
        self._made: Any = None

    def __getattr__(self, name: str) -> Any:
        with self._making:
            if self._make is not None:
                self._made, self._make = self._make(), None
        return getattr(self._made, name)


def deferred(make: Callable[[], Port]) -> Port:
    """What `make` gives, made once, when the first of its methods is called."""
    return cast("Port", Deferred(make))
