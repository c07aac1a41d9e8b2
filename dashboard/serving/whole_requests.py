"""Requests handed on whole: a slow browser keeps no thread waiting, and half a request never reaches the app.

In: an ASGI app, and who may send it much. Out: one that gets a request when all of its body is here, with what no
browser sends taken out.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO

from a2wsgi.asgi_typing import ASGIApp, HTTPScope, Receive, ReceiveEvent, Scope, Send, SendEvent

#: Bounds of a request; of its body where the app names none itself.
HEAD_BYTES = 32 * 1024
HEADERS = 100
BODY_BYTES = 32 * 1024 * 1024
#: Of bodies on their way at the same time so much is kept, of all together and of one address (behind which a whole
#: office may be); beyond a megabyte each lies in a nameless file.
HELD_BYTES = 512 * 1024 * 1024
HELD_BYTES_OF_ADDRESS = 128 * 1024 * 1024
_IN_MEMORY_BYTES = 1024 * 1024
_CHUNK_BYTES = 256 * 1024
#: Patience with a body: so long, and longer by what a poor line needs for what has arrived of it; with silence.
_BODY_SECONDS = 20.0
_BYTES_PER_SECOND = 50_000
_SILENT_SECONDS = 15.0
#: How long a large body that has arrived waits for those before it.
_TURN_SECONDS = 20.0
_RETRY_AFTER = (b"retry-after", b"10")
_TOO_MUCH = "El sistema recibe demasiados archivos a la vez: espere un momento."


@dataclass(frozen=True)
class LargeBodies:
    """Bodies of more than so many bytes, and who may send them: by the text of the Cookie header, from any thread.

    So many are before the app at the same time: to read one takes several times its length of memory, and everybody's
    time.
    """

    beyond: int
    may_send: Callable[[str], bool]
    at_once: int = 1


class _TooMuch(Exception):
    """Bodies on their way are too much together."""


class WholeRequests:
    """The app behind the requests."""

    def __init__(self, app: ASGIApp, body_bytes: int | None = None, large: LargeBodies | None = None) -> None:
        """Stand before an app that takes bodies up to so many bytes, large ones from whoever may send them."""
        self._app = app
        self._body_bytes = body_bytes or BODY_BYTES
        self._large = large
        self._turns = asyncio.Semaphore(large.at_once if large else 1)
        self._held: Counter[str] = Counter()  # by address, what has arrived

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand one request on, or answer it here where it is too large or never ends."""
        if scope["type"] != "http":
            return
        headers = list(scope["headers"])
        if len(headers) > HEADERS or sum(len(name) + len(value) for name, value in headers) > HEAD_BYTES:
            await answer(send, 431, "El pedido trae demasiados datos en su encabezado: borre las cookies del sitio.")
            return
        # WSGI cannot tell X_Y from X-Y: no browser sends the first, and nobody may pass it off as the second.
        asked: HTTPScope = {**scope, "headers": [(name, value) for name, value in headers if b"_" not in name]}
        fields = dict(headers)
        length = int(fields.get(b"content-length", b"0"))
        if b"transfer-encoding" in fields or not await self._is_taken(length, headers):
            await self._app(asked, _nothing, _closing(send))  # the app refuses it; its body is not read
        elif length:
            await self._with_body(asked, length, receive, send)
        else:
            await self._app(asked, _nothing, send)

    async def _is_taken(self, length: int, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Tell whether a body of that length is waited for: a large one is of no use to whoever may not send it."""
        if self._large is None or length <= min(self._large.beyond, self._body_bytes):
            return length <= self._body_bytes
        cookies = "; ".join(value.decode("utf-8", "replace") for name, value in headers if name == b"cookie")
        return length <= self._body_bytes and await asyncio.to_thread(self._large.may_send, cookies)

    async def _with_body(self, scope: HTTPScope, length: int, receive: Receive, send: Send) -> None:
        address = (scope.get("client") or ("", 0))[0]
        arrived = 0

        def keep(more: int) -> None:
            nonlocal arrived
            arrived += more
            self._held[address] += more
            if self._held[address] > HELD_BYTES_OF_ADDRESS or self._held.total() > HELD_BYTES:
                raise _TooMuch

        try:
            with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as body:
                try:
                    if not await _receive_into(body, receive, keep):
                        return
                except TimeoutError:
                    await answer(send, 408, "El pedido tardó demasiado en llegar.")
                    return
                except _TooMuch:
                    await answer(send, 503, _TOO_MUCH, headers=[_RETRY_AFTER])
                    return
                body.seek(0)

                async def read() -> ReceiveEvent:
                    chunk = body.read(_CHUNK_BYTES)
                    return {"type": "http.request", "body": chunk, "more_body": body.tell() < length}

                if self._large is None or length <= self._large.beyond:
                    await self._app(scope, read, send)
                    return
                try:
                    async with asyncio.timeout(_TURN_SECONDS):
                        await self._turns.acquire()
                except TimeoutError:
                    await answer(send, 503, _TOO_MUCH, headers=[_RETRY_AFTER])
                    return
                try:
                    await self._app(scope, read, send)
                finally:
                    self._turns.release()
        finally:
            self._held[address] -= arrived
            if not self._held[address]:
                del self._held[address]


async def _receive_into(body: IO[bytes], receive: Receive, keep: Callable[[int], None]) -> bool:
    """Write a whole body; tell whether it came to its end. TimeoutError when nothing comes, or too little."""
    loop = asyncio.get_running_loop()
    late = loop.time() + _BODY_SECONDS
    more, arrived = True, 0
    while more:
        until = min(late + arrived / _BYTES_PER_SECOND, loop.time() + _SILENT_SECONDS)
        async with asyncio.timeout_at(until):
            event = await receive()
        if event["type"] != "http.request":
            return False
        arrived += len(event["body"])
        keep(len(event["body"]))
        body.write(event["body"])
        more = event.get("more_body", False)
    return True


async def answer(
    send: Send, status: int, says: str, *, kind: bytes = b"text/plain", headers: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Answer a request here, and close its connection."""
    body = says.encode()
    await send({
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", kind + b"; charset=utf-8"), (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"), (b"connection", b"close"), (b"x-content-type-options", b"nosniff"),
            (b"content-security-policy", b"default-src 'none'"), *headers,
        ],
    })  # fmt: skip
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _nothing() -> ReceiveEvent:
    return {"type": "http.request", "body": b"", "more_body": False}


def _closing(send: Send) -> Send:
    async def send_and_close(event: SendEvent) -> None:
        if event["type"] == "http.response.start":
            event = {**event, "headers": [*event["headers"], (b"connection", b"close")]}
        await send(event)

    return send_and_close
