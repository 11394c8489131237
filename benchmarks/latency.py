"""A TCP proxy that holds back what a client sends: a network in place of the loopback.

Run: `python -m benchmarks.latency PORT SECONDS UPSTREAM_PORT...`. Each burst of bytes from a client (one HTTP request) arrives so
much later; answers pass at once. Any number of connections wait side by side; they go to the servers in turn.
"""

import asyncio
import itertools
import sys
from collections.abc import Sequence
from typing import cast

import uvloop


class End(asyncio.Protocol):
    """One end of a connection; bytes go to the other after a delay."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.early: list[bytes] = []
        self.other: End | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """The bytes are sent on, later."""
        if self.other is None:
            self.early.append(data)
        elif self.delay:
            asyncio.get_running_loop().call_later(self.delay, self.other.send, data)
        else:
            self.other.send(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other end is closed too."""
        del exc
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def send(self, data: bytes) -> None:
        """Out of this end, unless it is closed."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def joined(self, other: "End") -> None:
        """Bytes go to the other end from now on; those that came before it was there go first."""
        self.other, waiting, self.early = other, self.early, []
        for data in waiting:
            self.data_received(data)


class Near(End):
    """A client's end: it reaches for the server when it is made."""

    def __init__(self, upstream: int, delay: float) -> None:
        super().__init__(delay)
        self.upstream = upstream

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open, and the server is asked for."""
        super().connection_made(transport)
        self.reaching = asyncio.get_running_loop().create_task(self.reach())

    async def reach(self) -> None:
        """Joins the two ends."""
        _, far = await asyncio.get_running_loop().create_connection(lambda: End(0.0), "127.0.0.1", self.upstream)
        far.joined(self)
        self.joined(far)


async def serve(port: int, delay: float, upstream: Sequence[int]) -> None:
    """Listens on loopback until the process ends."""
    turns = itertools.cycle(upstream)
    server = await asyncio.get_running_loop().create_server(lambda: Near(next(turns), delay), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), float(sys.argv[2]), [int(word) for word in sys.argv[3:]]))
