"""Messages on their way to people: what waits, what was sent and what was given up."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Sending(StrEnum):
    """Where a message stands. `GATHERING`: it waits for the next digest; `GATHERED`: a digest holds it."""

    GATHERING = "gathering"
    GATHERED = "gathered"
    WAITING = "waiting"
    SENT = "sent"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Notice:
    """One message for one channel.

    `id` is made of what it tells and to whom, so that telling it again finds it. `channel`: its address as people may see it, never
    with a secret. `due`: when it is tried next. `problem`: what the last attempt came to, where it failed. `model` None: a digest.
    """

    id: str
    model: str | None
    pass_id: str | None
    channel: str
    title: str
    body: str
    at: datetime
    due: datetime
    sending: Sending = Sending.WAITING
    attempts: int = 0
    problem: str | None = None
    ended: datetime | None = None
