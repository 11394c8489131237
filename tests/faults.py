"""Faults between port calls: a crash, or anything else that happens at one chosen moment."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any


class Crash(BaseException):
    """The process died here. Not an Exception, so that no handler of the code under test can survive it."""


def _crash(name: str) -> None:
    raise Crash(name)


@dataclass
class Fuse:
    """Counts port calls and acts after (or before) the one numbered `at`, counting from 1; None never acts.

    `act` gets the name of the call; by default the process dies.
    """

    at: int | None = None
    before: bool = False
    act: Callable[[str], None] = _crash
    calls: list[str] = field(default_factory=list)

    def guarding(self, port: Any, names: Iterable[str]) -> Any:
        """The port, with the named methods counted."""
        return _Fused(port, self, frozenset(names))

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        self.calls.append(name)
        due = len(self.calls) == self.at
        if due and self.before:
            self.act(name)
        result = call()
        if due and not self.before:
            self.act(name)
        return result


@dataclass(frozen=True)
class _Fused:
    port: Any
    fuse: Fuse
    names: frozenset[str]

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.port, name)
        if name not in self.names:
            return attribute
        return lambda *args, **kwargs: self.fuse.around(name, lambda: attribute(*args, **kwargs))
