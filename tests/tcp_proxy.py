"""A TCP proxy that a test owns: it refuses, hangs, delays, or cuts the line when the answer was on its way."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

CHUNK = 65536
ABORT = struct.pack("ii", 1, 0)


class TcpProxy:
    """Stands at `port` of 127.0.0.1 before a server, and forwards until told otherwise.

    `delay`: seconds that everything on its way to the server waits first. `cuts`: lines cut by `cut_answers` so far.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self.delay = 0.0
        self.cuts = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._flowing = threading.Event()
        self._flowing.set()
        self._refusing = False
        self._doomed: tuple[bytes, bytes, int] = (b"", b"", 0)
        self._listener = self._bound(0)
        self.port = int(self._listener.getsockname()[1])
        self._listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def refuse(self) -> None:
        """Open lines are cut and new ones refused: the server is down."""
        _drop(self._listener)
        # Bound and not listening: the port stays ours and refuses.
        self._listener = self._bound(self.port)
        self._refusing = True
        self.cut()

    def hang(self) -> None:
        """Lines stand and new ones are taken, but nothing comes through."""
        self._flowing.clear()

    def forward(self) -> None:
        """The server is back; lines that hung go on."""
        self._flowing.set()
        if self._refusing:
            self._refusing = False
            self._listen()

    def cut(self) -> None:
        """Open lines are cut."""
        with self._lock:
            lines, self._open = self._open, set()
        for line in lines:
            _drop(line)

    def cut_answers(self, request: bytes, answer: bytes, times: int = 1) -> None:
        """The next `times` lines on which the request was sent are cut when the server gives that answer, which is lost.

        So the server has done what it was asked, and nobody hears of it.
        """
        self._doomed = (request, answer, times)

    def close(self) -> None:
        """Nothing is open afterwards."""
        _drop(self._listener)
        self._flowing.set()
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def _bound(self, port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        return listener

    def _listen(self) -> None:
        self._listener.listen(64)
        self._start(self._accept, self._listener)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        self._flowing.wait()
        try:
            server = socket.create_connection(self._server, timeout=10)
        except OSError:
            _drop(client)
            return
        server.settimeout(None)
        with self._lock:
            self._open |= {client, server}
        line = _Line()
        self._start(self._pump, server, client, line, False)
        self._pump(client, server, line, True)

    def _pump(self, source: socket.socket, target: socket.socket, line: "_Line", asking: bool) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                self._flowing.wait()
                if asking and self.delay:
                    time.sleep(self.delay)
                if self._cuts(line, data, asking):
                    break
                target.sendall(data)
        with self._lock:
            self._open -= {source, target}
        _drop(source)
        _drop(target)

    def _cuts(self, line: "_Line", data: bytes, asking: bool) -> bool:
        request, answer, times = self._doomed
        with self._lock:
            if asking:
                line.asked = line.asked or (times > 0 and request in data)
                return False
            if not (line.asked and times > 0 and answer in data):
                return False
            self._doomed = (request, answer, times - 1)
            self.cuts += 1
            return True


class _Line:
    """Whether the doomed request was sent."""

    asked = False


def _drop(line: socket.socket) -> None:
    with suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()
