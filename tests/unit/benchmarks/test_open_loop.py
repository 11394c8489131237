"""The benchmark's open-loop client: what a stall costs is in the latency of everybody who had to wait for it."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from benchmarks.serving_peers.open_loop import Client, load, requests

STALL = 0.4


async def against(answer: bytes, due: list[float], tmp_path: Path, stall: float = 0.0) -> dict[str, object]:
    """Sends to a server that takes requests one at a time, and thinks about the first one for `stall` seconds."""
    one_at_a_time, hung_up, seen = asyncio.Lock(), asyncio.Event(), 0

    talking: set[asyncio.StreamWriter] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        talking.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
                async with one_at_a_time:
                    seen += 1
                    await asyncio.sleep(stall if seen == 1 else 0)
                writer.write(answer)
        except asyncio.IncompleteReadError:
            writer.close()
            await writer.wait_closed()
            talking.discard(writer)
            if not talking:
                hung_up.set()

    (tmp_path / "bodies").write_text('{"a": 1}\n')
    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        client = Client("127.0.0.1", server.sockets[0].getsockname()[1])
        try:
            return await load(client, requests("127.0.0.1", "/", tmp_path / "bodies"), np.array(due))
        finally:
            await hung_up.wait()


def said(status: str) -> bytes:
    return f'HTTP/1.1 {status}\r\nContent-Length: 8\r\n\r\n{{"b": 2}}'.encode()


def test_a_stall_is_charged_to_every_request_that_was_due_during_it(tmp_path: Path) -> None:
    due = [0.0, *np.linspace(0.01, 0.1, 20)]

    found = asyncio.run(against(said("200 OK"), due, tmp_path, stall=STALL))

    # The requests were due at most 0.1 s after the stall began, so each waited for most of it.
    assert found["p50"] > (STALL - 0.1) * 1e3


def test_every_request_is_answered_once_and_every_answer_kept(tmp_path: Path) -> None:
    found = asyncio.run(against(said("200 OK"), [0.001 * number for number in range(50)], tmp_path))

    assert found["answers"] == [{"b": 2}] * 50


def test_a_refused_request_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(against(said("503 Service Unavailable"), [0.0], tmp_path))

    assert isinstance(raised.value.exceptions[0], RuntimeError)
