"""How often somebody may ask: token buckets in the memory of this process."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from driftgate.lifecycle.errors import RateLimited
from driftgate.service.tokens import Role

MOST_KEYS = 10_000
MINUTE = 60.0


class Buckets:
    """One bucket per key: `per_minute` at once, and refilled at that rate. The keys used longest ago are forgotten beyond 10,000."""

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._size, self._rate, self._clock = max(1.0, per_minute), per_minute / MINUTE, clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until the key may ask again; 0: it may now."""
        level = self._level(key)
        return 0.0 if level >= 1.0 else (1.0 - level) / self._rate

    def take(self, key: str) -> float:
        """The same, and where it is 0, one request less that the key may make."""
        level = self._level(key)
        if level < 1.0:
            return (1.0 - level) / self._rate
        self._levels[key] = (level - 1.0, self._clock())
        self._levels.move_to_end(key)
        if len(self._levels) > MOST_KEYS:
            self._levels.popitem(last=False)
        return 0.0

    def _level(self, key: str) -> float:
        known = self._levels.get(key)
        if known is None:
            return self._size
        level, at = known
        return min(self._size, level + (self._clock() - at) * self._rate)


class Rates:
    """The limits of one process, each per minute; None: no limit."""

    def __init__(self, requests: int | None, predictions: int | None, failures: int) -> None:
        self._requests = None if requests is None else Buckets(requests)
        self._predictions = None if predictions is None else Buckets(predictions)
        self._failures = Buckets(failures)

    def admit(self, name: str, role: Role) -> None:
        """Counts a request of that caller to a route of that role. Raises RateLimited where it is one too many."""
        predicting = role is Role.PREDICTOR
        buckets = self._predictions if predicting else self._requests
        if buckets is not None and (seconds := buckets.take(name)):
            key = "predictions_per_minute" if predicting else "requests_per_minute"
            raise RateLimited(f"{name} asks more often than service.{key} allows", retry_after=_whole(seconds))

    def refuse_guessing(self, address: str) -> None:
        """Raises RateLimited where too many wrong tokens came from the address just now."""
        if seconds := self._failures.wait(address):
            words = "too many wrong tokens came from this address (service.failed_sign_ins_per_minute)"
            raise RateLimited(words, retry_after=_whole(seconds))

    def failed(self, address: str) -> None:
        """Counts a wrong token from the address."""
        self._failures.take(address)


def _whole(seconds: float) -> int:
    return max(1, math.ceil(seconds))
