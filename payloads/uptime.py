"""How long this machine has been up: a clock that nobody sets."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BOOT_FILE = Path("/proc/sys/kernel/random/boot_id")


def _since_boot() -> int:
    return time.monotonic_ns() // 1000


def _boot() -> str:
    try:
        return BOOT_FILE.read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True)
class Uptime:
    """Microseconds that only go forward, the same for all processes of a boot; `boot` tells boots apart."""

    ticks: Callable[[], int] = _since_boot
    boot: Callable[[], str] = _boot

    def passed(self, boot: str, ticks: int) -> int:
        """Microseconds that surely passed since that boot showed that many ticks: none where it is another boot's number."""
        return max(0, self.ticks() - ticks) if boot == self.boot() else 0
