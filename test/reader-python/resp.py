"""The little of Redis' wire protocol (RESP 2) that a reader needs. Standard library only."""

import socket
import threading


class RedisError(Exception):
    """Redis is away, late, or answers with an error. The first word of the message is Redis' own."""


class Connection:
    """One connection, made anew when it breaks. Calls from several threads take turns."""

    def __init__(self, host: str, port: int, timeout: float, login=()):
        self._address = (host, port)
        self._login = login
        self._timeout = timeout
        self._lock = threading.Lock()
        self._stream = None

    def call(self, *words):
        return self.pipeline([words])[0]

    def pipeline(self, commands):
        """The replies in order; an error reply is raised. Every wait has a deadline."""
        with self._lock:
            try:
                stream = self._connected()
                stream.write(b"".join(encode(words) for words in commands))
                stream.flush()
                replies = [read_reply(stream) for _ in commands]
            except (OSError, ValueError) as error:
                self._drop()
                raise RedisError(f"NotConnected {error}") from error
        for reply in replies:
            if isinstance(reply, RedisError):
                raise reply
        return replies

    def _connected(self):
        if self._stream is None:
            link = socket.create_connection(self._address, timeout=self._timeout)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = link.makefile("rwb")
            if self._login:
                stream.write(encode(("AUTH", *self._login)))
                stream.flush()
                reply = read_reply(stream)
                if isinstance(reply, RedisError):
                    raise OSError(str(reply))
            self._stream = stream
        return self._stream

    def _drop(self):
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                stream.close()
            except OSError:
                pass


def encode(words) -> bytes:
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def read_reply(stream):
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise OSError("the connection was closed")
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest.decode()
    if kind == b"-":
        return RedisError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return read_text(stream, int(rest))
    if kind == b"*":
        return [read_reply(stream) for _ in range(int(rest))]
    raise ValueError("no RESP")


def read_text(stream, length: int):
    if length < 0:
        return None
    data = stream.read(length + 2)
    if len(data) != length + 2:
        raise OSError("the connection was closed")
    return data[:length].decode()
