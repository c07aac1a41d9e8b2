"""Connections: accepted one by one, told apart by their first byte, and given only so much patience.

In: a socket that listens, an ASGI app, a certificate or none. Out: the app's answers; and, where there is a
certificate, a page for whoever speaks plain HTTP that says which address to write.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from html import escape
from typing import Any, cast

import uvicorn
from a2wsgi.asgi_typing import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from dashboard.serving.certificates import Pair
from dashboard.serving.whole_requests import HEAD_BYTES, answer

_LOG = logging.getLogger(__name__)
#: Seconds: for the first byte, for the handshake, for the head of a request, between two requests, to end.
_FIRST_BYTE, _HANDSHAKE, _HEAD, _IDLE, _GOODBYE = 20.0, 10.0, 20.0, 15, 3
#: What a browser that reads nothing may hold up.
_UNREAD_MS = 60_000
_MOST_CONNECTIONS = 2000
#: Of one address (behind which a whole office may be), where the settings say nothing else.
MOST_OF_ADDRESS = 200
#: How much sooner patience with a silent connection ends when half of all places are taken.
_HURRY = 4
_TLS_HANDSHAKE = b"\x16"
_WAIT_FOR_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PLAIN_PAGE = """<!DOCTYPE html>
<html lang="es-BO">
    <head><meta charset="UTF-8"><meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Use la dirección segura</title></head>
    <body><main><h1>Use la dirección segura</h1>
        <p>El sistema solo se abre con una conexión cifrada. En la barra de direcciones escriba:</p>
        <ul>{addresses}</ul>
        <p>Si el navegador avisa que la conexión no es privada, no continúe: pida a quien administra el sistema que
            instale en esta computadora el certificado de la autoridad del sitio.</p></main></body>
</html>"""


class Guest:
    """A connection that was accepted: greeted first, then spoken with."""

    def __init__(self, address: str, leave: Callable[[Guest], None]) -> None:
        """Count one of an address in; `leave` counts it out again."""
        self.address = address
        self.greeting: asyncio.Task[None] | None = None
        self.protocol: _Protocol | None = None
        self._leave = leave

    @property
    def is_silent(self) -> bool:
        """Whether nothing is under way that somebody waits for."""
        return self.protocol is None or self.protocol.is_silent

    def leave(self) -> None:
        """Count it out."""
        self._leave(self)

    def close(self) -> None:
        """End it at once."""
        self.leave()
        if self.protocol is not None:
            self.protocol.transport.abort()
        elif self.greeting is not None:
            self.greeting.cancel()


class Guests:
    """The connections that are open, of each address in the order in which they came."""

    def __init__(self, most: int, most_of_address: int) -> None:
        """Allow so many, of one address so many."""
        self._most, self._most_of_address = most, most_of_address
        self._by_address: dict[str, dict[Guest, None]] = {}
        self._number = 0

    def __iter__(self) -> Iterator[Guest]:
        """Give those that are there."""
        return iter([guest for own in self._by_address.values() for guest in own])

    @property
    def is_full(self) -> bool:
        """Whether there is place for no other."""
        return self._number >= self._most

    @property
    def patience(self) -> float:
        """How much of the usual patience there is for whoever says nothing."""
        return 1.0 if self._number < self._most // 2 else 1.0 / _HURRY

    def make_place(self) -> bool:
        """Close the oldest silent connection of the address that has most of them; tell whether there was one."""
        return any(map(self._close_silent, sorted(self._by_address.values(), key=len, reverse=True)))

    def come(self, address: str) -> Guest | None:
        """Count one in; None where its address has too many that are all busy."""
        own = self._by_address.get(address, {})
        if len(own) >= self._most_of_address and not self._close_silent(own):
            return None
        guest = Guest(address, self._left)
        self._by_address.setdefault(address, {})[guest] = None
        self._number += 1
        return guest

    def _close_silent(self, own: dict[Guest, None]) -> bool:
        silent = next((guest for guest in own if guest.is_silent), None)
        if silent is not None:
            silent.close()
        return silent is not None

    def _left(self, guest: Guest) -> None:
        own = self._by_address.get(guest.address, {})
        if guest in own:
            del own[guest]
            self._number -= 1
            if not own:
                del self._by_address[guest.address]


class WebServer(uvicorn.Server):
    """uvicorn behind an accept loop of our own, since one port here speaks TLS and knows plain HTTP when it sees it.

    ``renew`` is asked now and then for the certificate: its files are read again when they have changed.
    """

    look_at_certificate_seconds = 3600.0

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        *,
        certificate: Pair | None = None,
        addresses: Sequence[str] = (),
        renew: Callable[[], Pair | None] | None = None,
        opened: Callable[[], None] = lambda: None,
        most_of_address: int = MOST_OF_ADDRESS,
    ) -> None:
        """Prepare to serve an app on a socket that listens; `opened` is called when it does.

        No address has more connections than `most_of_address`.
        """
        super().__init__(_configured(app))
        self._plain = _configured(_page_for_plain_http(addresses))
        self._listening = listening
        self._certificate, self._renew, self._opened = certificate, renew, opened
        self._tls = tls_context(certificate) if certificate else None
        self._read = _state_of(certificate)
        self._tasks: set[asyncio.Task[None]] = set()
        most = _most_connections()
        self.guests = Guests(most, min(most_of_address, most))

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal, or until should_exit is set."""
        # The selector's loop on Windows too: the other one cannot look at a first byte without taking it.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self.serve())

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept."""
        await super().startup(sockets=[])
        self._listening.setblocking(False)
        self._begin(self._accept())
        if self._tls is not None:
            self._begin(self._keep_certificate())
        self._opened()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, end what is under way, and wait for it no longer than users would."""
        for task in self._tasks:
            task.cancel()
        self._listening.close()
        await super().shutdown()
        for connection in list(self.server_state.connections):  # whoever does not read, or asked for too much
            connection.transport.abort()
        await asyncio.sleep(0.05)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let a signal end the server; unlike uvicorn's own, not the process after it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while self.guests.is_full and not self.guests.make_place():
                await asyncio.sleep(0.05)
            try:
                connection, address = await loop.sock_accept(self._listening)
            except OSError as error:  # gone before it was accepted; or no file left for it
                await asyncio.sleep(1 if error.errno in _WAIT_FOR_FILES else 0.01)
                continue
            guest = self.guests.come(str(address[0]))
            if guest is None:
                connection.close()
            else:
                guest.greeting = self._begin(self._greet(connection, guest))
            # A flood keeps nobody waiting who is in already; and what is begun can be ended, and its socket with it.
            await asyncio.sleep(0)

    async def _greet(self, connection: socket.socket, guest: Guest) -> None:
        """Find out what a connection speaks and hand it to who speaks that."""
        try:
            connection.setblocking(False)
            # asyncio only does so for sockets that it made itself: without it an answer's body waits 40 ms behind its
            # headers on every connection that is kept.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MS)
            first = _TLS_HANDSHAKE
            if self._tls is not None:
                async with asyncio.timeout(_FIRST_BYTE * self.guests.patience):
                    first = await _peek(connection)
        except (OSError, asyncio.CancelledError):  # a TimeoutError is one too
            first = b""
        if not first:
            connection.close()
            guest.leave()
            return
        speaks_tls = self._tls is not None and first == _TLS_HANDSHAKE
        config = self.config if speaks_tls or self._tls is None else self._plain
        # From here on the socket is the transport's to close. Whoever breaks off a handshake is not worth a line.
        try:
            with suppress(OSError):
                await asyncio.get_running_loop().connect_accepted_socket(
                    lambda: _Protocol(guest, self.guests, config, self.server_state),
                    connection,
                    ssl=self._tls if speaks_tls else None,
                    ssl_handshake_timeout=_HANDSHAKE * self.guests.patience if speaks_tls else None,
                )
        finally:
            if guest.protocol is None:
                guest.leave()

    async def _keep_certificate(self) -> None:
        """Serve with the newest certificate without being opened anew."""
        while True:
            await asyncio.sleep(self.look_at_certificate_seconds)
            try:
                if self._renew is not None:
                    self._certificate = await asyncio.to_thread(self._renew) or self._certificate
                state = _state_of(self._certificate)
                if state != self._read and self._certificate is not None:
                    self._tls, self._read = tls_context(self._certificate), state
            except Exception as error:  # the one in use goes on; whoever looks at the log, or the doctor, is told
                _LOG.warning("the certificate was not read again: %s", error)


class _Protocol(H11Protocol):
    """HTTP/1.1 for which a head that does not come to its end is no reason to wait for ever."""

    _late: asyncio.TimerHandle | None = None

    def __init__(self, guest: Guest, guests: Guests, config: uvicorn.Config, state: ServerState) -> None:
        super().__init__(config=config, server_state=state, app_state={})
        self._guest, self._guests = guest, guests

    @property
    def is_silent(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._guest.protocol = self
        super().connection_made(cast(asyncio.Transport, transport))  # of a stream: it is both read and written
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._guest.leave()
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        cycle = self.cycle
        super().data_received(data)
        if self.cycle is not cycle:
            self._stop_waiting()
        elif (cycle is None or cycle.response_complete) and self._late is None:
            self._expect_head()

    def send_400_response(self, msg: str) -> None:
        super().send_400_response("El servidor no entiende este pedido.")

    def _expect_head(self) -> None:
        self._late = self.loop.call_later(_HEAD * self._guests.patience, self._break_off)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _break_off(self) -> None:
        self._late = None
        if not self.transport.is_closing():
            self.transport.abort()


def tls_context(certificate: Pair) -> ssl.SSLContext:
    """Return what speaks TLS 1.2 or newer with a certificate. OSError, ssl.SSLError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate.certificate, certificate.key)
    return context


def _configured(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=_GOODBYE,
    )


def _page_for_plain_http(addresses: Sequence[str]) -> ASGIApp:
    """Return the app that tells whoever speaks plain HTTP where to go. It names what the site trusts, nothing else."""
    items = "".join(f'<li><a href="{escape(each)}">{escape(each)}</a></li>' for each in addresses)
    page = _PLAIN_PAGE.format(addresses=items)

    async def use_tls(scope: Scope, receive: Receive, send: Send) -> None:
        upgrade = (b"upgrade", b"TLS/1.2, HTTP/1.1"), (b"connection", b"upgrade")
        await answer(send, 426, page, kind=b"text/html", headers=upgrade)

    return use_tls


async def _peek(connection: socket.socket) -> bytes:
    """Return the first byte of a connection, which stays to be read; nothing when it is closed."""
    loop = asyncio.get_running_loop()
    while True:
        readable = asyncio.Event()
        loop.add_reader(connection, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(connection)
        with suppress(BlockingIOError, InterruptedError):
            return connection.recv(1, socket.MSG_PEEK)


def _state_of(certificate: Pair | None) -> tuple[int, ...]:
    """Return what changes whenever a certificate or its key is replaced."""
    if certificate is None:
        return ()
    states = [path.stat() for path in (certificate.certificate, certificate.key)]
    return tuple(part for state in states for part in (state.st_mtime_ns, state.st_ino, state.st_size))


def _most_connections() -> int:
    """Return how many connections may be open, and allow the process the files it takes."""
    if sys.platform == "win32":
        return 400  # as many as its selector takes
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_CONNECTIONS + 500
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return _MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else max(20, min(_MOST_CONNECTIONS, soft - 500))
