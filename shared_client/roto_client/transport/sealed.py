"""A socket within TLS that one thread may read while another writes, which OpenSSL itself does not allow."""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from typing import Optional, final


@final
class SealedSocket:
    """What `WebSocket` needs of a socket. Waiting happens outside of the lock that TLS is used under."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext) -> None:
        self._using = threading.Lock()
        self._wrapped = context.wrap_socket(plain)  # by the timeout that the socket has
        self._timeout_s: Optional[float] = None
        self._wrapped.settimeout(0.0)

    def settimeout(self, timeout_s: float) -> None:
        """Say how long `recv` and `send` may wait."""
        self._timeout_s = timeout_s

    def recv(self, size: int) -> bytes:
        """Return what comes, nothing at the end of the stream; raises socket.timeout, OSError."""
        deadline = self._deadline()
        while True:
            with self._using:
                try:
                    return self._wrapped.recv(size)
                except ssl.SSLWantReadError:
                    pass
            self._wait(deadline, reading=True)

    def send(self, data: memoryview) -> int:
        """Send some bytes and return how many; raises socket.timeout, OSError."""
        deadline = self._deadline()
        while True:
            with self._using:
                try:
                    return self._wrapped.send(data)
                except ssl.SSLWantWriteError:
                    pass
            self._wait(deadline, reading=False)

    def sendall(self, data: bytes) -> None:
        """Send all of them; raises as `send`."""
        left = memoryview(data)
        while left:
            left = left[self.send(left) :]

    def shutdown(self, how: int) -> None:
        """End the connection beneath, which wakes whoever waits."""
        socket.socket.shutdown(self._wrapped, how)

    def close(self) -> None:
        """Let go of it."""
        self._wrapped.close()

    def _deadline(self) -> float:
        return float("inf") if self._timeout_s is None else time.monotonic() + self._timeout_s

    def _wait(self, deadline: float, *, reading: bool) -> None:
        left_s = max(0.0, deadline - time.monotonic())
        wanted = [self._wrapped]
        readable, writable, _ = select.select(
            wanted if reading else [], [] if reading else wanted, [], None if left_s == float("inf") else left_s
        )
        if not readable and not writable:
            raise socket.timeout("nothing moved")
