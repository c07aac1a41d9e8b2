"""A server in this process, with an app that tells what reached it, and whoever speaks to it byte by byte."""

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from a2wsgi.wsgi_typing import WSGIApp
from flask import Flask, Response, request

from dashboard.serving import connections, whole_requests
from dashboard.serving.certificates import Pair, authority, make_certificates, server_pair
from dashboard.serving.connections import WebServer
from dashboard.serving.server import addresses, listen, web_server
from etl.settings import Settings

NAME = "callcenter.test"


def site(folder: Path, *names: str) -> Settings:
    return Settings(data=folder / "site", hosts=names or (NAME,))


@dataclass
class Reached:
    """What an app was asked."""

    requests: list[tuple[str, int, str]] = field(default_factory=list)


@dataclass
class Running:
    """A server that runs, and how to speak to it."""

    server: WebServer
    port: int
    reached: Reached
    trust: ssl.SSLContext | None

    def connect(self, *, tls: bool | None = None) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        if self.trust is None or tls is False:
            return connection
        return self.trust.wrap_socket(connection, server_hostname=NAME)

    @property
    def guests(self) -> list[connections.Guest]:
        """The connections that the server has open."""
        return list(self.server.guests)

    def say(self, *parts: bytes, tls: bool | None = None) -> bytes:
        """Everything that is answered to these bytes until the server closes the connection."""
        with self.connect(tls=tls) as connection:
            for part in parts:
                connection.sendall(part)
            return b"".join(iter(lambda: connection.recv(65536), b""))


def get(path: str = "/", *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {NAME}", "Connection: close", *headers, "", ""]).encode()


def post(body: bytes, *headers: str) -> bytes:
    head = "\r\n".join(["POST / HTTP/1.1", f"Host: {NAME}", "Connection: close", *headers, "", ""])
    return head.encode() + body


def telling_app(reached: Reached) -> Flask:
    app = Flask("telling")

    @app.route("/", methods=["GET", "POST"])
    def tell() -> Response:
        body = request.get_data()
        reached.requests.append((request.method, len(body), request.headers.get("Transfer-Encoding", "")))
        shown = {name: request.headers.get(name) for name in ("X-Forwarded-For", "Sec-Fetch-Site")}
        answer = Response(f"{request.scheme} {request.remote_addr} {len(body)} {shown}")
        return answer

    @app.route("/slow")
    def slow() -> Response:
        time.sleep(0.5)
        return Response("slow")

    return app


@contextmanager
def running(
    settings: Settings | None = None, *, app: WSGIApp | None = None, pair: Pair | None = None, renew: bool = False,
    large: whole_requests.LargeBodies | None = None, most_of_address: int = connections.MOST_OF_ADDRESS,
) -> Iterator[Running]:  # fmt: skip
    """A server on a free port of this computer, with the certificate of a site or without any."""
    reached = Reached()
    pair = pair or (server_pair(settings) if settings else None)
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    opened = threading.Event()
    app = app or telling_app(reached)
    if large is not None:
        app.config = {"LARGE_BODIES": large}
    server = web_server(
        app,
        listening,
        certificate=pair,
        addresses=addresses("127.0.0.1", port, settings.hosts if settings else (), tls=pair is not None),
        renew=(lambda: server_pair(settings)) if settings and renew else None,
        opened=opened.set,
        most_of_address=most_of_address,
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert opened.wait(10)
    trust = ssl.create_default_context(cafile=authority(settings).certificate) if settings else None
    try:
        yield Running(server, port, reached, trust)
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def lan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = site(tmp_path_factory.mktemp("lan"))
    make_certificates(settings)
    with running(settings) as server:
        yield server


@pytest.fixture
def loopback() -> Iterator[Running]:
    with running() as server:
        yield server
