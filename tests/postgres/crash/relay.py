"""Between a writer and the server: breaks a connection before or after one chosen exchange of a statement and its answer."""

import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from typing import NamedTuple, Self

_NO_TLS = b"N"
_STARTS = frozenset({80877103, 80877104})  # the numbers of SSLRequest and GSSENCRequest


class When(StrEnum):
    """On which side of what it asks for an exchange is cut."""

    BEFORE = "before"  # the server hears nothing of it
    AFTER = "after"  # it happens, and its answer is lost


class Cut(NamedTuple):
    """One cut: exchanges are counted from when it became the next one."""

    exchange: int
    when: When


class Relay:
    """Listens on a port of its own; cuts what it was told to, in that order. One thread for each connection."""

    def __init__(self, port: int) -> None:
        self._server = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._cuts: list[Cut] = []
        self._exchanges = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_told: object) -> None:
        self._listening.close()

    def cut(self, cuts: Sequence[Cut]) -> None:
        """From now on: these."""
        self._cuts, self._exchanges = list(cuts), 0

    def left(self) -> int:
        """How many cuts have not come to pass; from now on there are none."""
        left, self._cuts = len(self._cuts), []
        return left

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._server)) as server, suppress(OSError, EOFError):
            while int.from_bytes((start := _sized(client))[4:8], "big") in _STARTS:
                client.sendall(_NO_TLS)
            server.sendall(start)
            client.sendall(_until(server, b"Z"))
            while True:
                asked = _until(client, b"QSX")
                when = self._strikes()
                if when is When.BEFORE:
                    return
                server.sendall(asked)
                answer = _until(server, b"Z")
                if when is When.AFTER:
                    return
                client.sendall(answer)

    def _strikes(self) -> When | None:
        if not self._cuts:
            return None
        self._exchanges += 1
        if self._exchanges <= self._cuts[0].exchange:
            return None
        self._exchanges = 0
        return self._cuts.pop(0).when


def _exactly(link: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        more = link.recv(size - len(got))
        if not more:
            raise EOFError
        got += more
    return got


def _sized(link: socket.socket) -> bytes:
    size = _exactly(link, 4)
    return size + _exactly(link, int.from_bytes(size, "big") - 4)


def _until(link: socket.socket, kinds: bytes) -> bytes:
    """Messages up to the first one of these kinds."""
    messages = b""
    while True:
        kind = _exactly(link, 1)
        messages += kind + _sized(link)
        if kind in kinds:
            return messages
