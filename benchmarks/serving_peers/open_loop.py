"""Open-loop load: requests leave at times drawn beforehand, whether or not earlier ones were answered.

Latency counts from the drawn time, so a server that stalls pays for every request that the stall keeps waiting, and so does this
client where it is late. Run as a process of its own: `python -m benchmarks.serving_peers.open_loop HOST PORT PATH BODIES RATE SECONDS`;
prints one JSON object: latencies in milliseconds, answers.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import numpy as np

PATIENCE = 60.0
MOST_IDLE_SECONDS = 2.0
"""Servers hang up on a connection that is idle for longer; uvicorn after five seconds."""

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Client:
    """A pool of kept connections to one address; it grows to as many as requests are open at once."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._idle: list[tuple[float, Connection]] = []
        self.opened = 0

    async def ask(self, request: bytes) -> bytes:
        """The body of the answer. Raises RuntimeError where the status is not 200."""
        reader, writer = await self._connection()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
        body = await reader.readexactly(int(length))
        self._idle.append((time.perf_counter(), (reader, writer)))
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise RuntimeError(body.decode(errors="replace"))
        return body

    async def close(self) -> None:
        """Hangs up."""
        while self._idle:
            _, (_, writer) = self._idle.pop()
            writer.close()
            await writer.wait_closed()

    async def _connection(self) -> Connection:
        if self._idle and time.perf_counter() - self._idle[-1][0] < MOST_IDLE_SECONDS:
            return self._idle.pop()[1]
        # The last one used is the last in the list: where it is too old, all are.
        await self.close()
        self.opened += 1
        return await asyncio.open_connection(self._host, self._port)


def requests(host: str, path: str, bodies: Path) -> list[bytes]:
    """One rendered request per line of the file."""
    head = "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
    return [head.format(path, host, len(line)).encode() + line for line in bodies.read_bytes().splitlines()]


async def load(client: Client, rendered: list[bytes], due: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> dict[str, object]:
    """Sends a request at each of the times (seconds from now), awaits every answer, and hangs up."""
    begin = time.perf_counter() + 0.1
    waits: list[float] = []
    late: list[float] = []
    answers: list[bytes] = []

    async def one(at: float, request: bytes) -> None:
        late.append(time.perf_counter() - at)
        answers.append(await client.ask(request))
        waits.append(time.perf_counter() - at)

    try:
        async with asyncio.timeout(float(due[-1]) + PATIENCE), asyncio.TaskGroup() as tasks:
            for number, offset in enumerate(due):
                at = begin + float(offset)
                ahead = at - time.perf_counter()
                if ahead > 0:
                    await asyncio.sleep(ahead)
                tasks.create_task(one(at, rendered[number % len(rendered)]))
    finally:
        await client.close()
    p50, p99 = (float(value) * 1e3 for value in np.percentile(waits, [50, 99]))
    seen = {"p50": p50, "p99": p99, "late_p99": float(np.percentile(late, 99)) * 1e3, "connections": client.opened}
    return {**seen, "answers": [json.loads(answer) for answer in answers]}


def main() -> None:
    """Arrivals of a Poisson process at the rate, from a fixed seed."""
    host, port, path, bodies, rate, seconds = sys.argv[1:]
    gaps = np.random.default_rng(0).exponential(1 / float(rate), max(1, round(float(rate) * float(seconds))))
    client = Client(host, int(port))
    print(json.dumps(asyncio.run(load(client, requests(host, path, Path(bodies)), np.cumsum(gaps)))))


if __name__ == "__main__":
    main()
