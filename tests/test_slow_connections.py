"""Slow and silent connections: patience with nobody at the others' cost, and an end within five seconds."""

import socket
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import pytest
from a2wsgi.wsgi_typing import Environ, StartResponse, WSGIApp
from flask import Flask, Response

from dashboard.serving import connections, whole_requests
from dashboard.serving.certificates import make_certificates
from dashboard.serving.server import THREADS
from tests.tls_server import Reached, Running, get, post, running, site, telling_app
from tests.tls_server import lan as lan
from tests.tls_server import loopback as loopback


def stuck_app(release: threading.Event) -> WSGIApp:
    """The same, but for an address at which nothing is answered before it is released."""
    app = telling_app(Reached())

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/stuck":
            release.wait(60)
            raise RuntimeError
        return app(environ, start_response)

    return answer


def test_connections_that_say_nothing_or_not_enough_hold_nobody_up(lan: Running) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(lan.connect(tls=False))  # silent
            half = stack.enter_context(lan.connect(tls=False))
            half.sendall(b"\x16\x03\x01\x02\x00")  # a handshake that does not go on
            plain = stack.enter_context(lan.connect(tls=False))
            plain.sendall(b"GET / HTTP/1.1\r\nHost: a")
        for _ in range(THREADS + 4):
            head = stack.enter_context(lan.connect())
            head.sendall(b"GET / HTTP/1.1\r\nHost: ")  # a head that does not go on
            body = stack.enter_context(lan.connect())
            body.sendall(post(b"abc", "Content-Length: 1000"))  # a body that does not go on
        begun = time.monotonic()
        assert lan.say(get()).startswith(b"HTTP/1.1 200 ")
        assert time.monotonic() - begun < 3


def test_a_browser_that_reads_nothing_keeps_no_thread(tmp_path: Path) -> None:
    large = Flask("large")

    @large.route("/")
    def answer() -> Response:
        return Response((b"x" * 65536 for _ in range(100)), headers={"Content-Length": str(6553600)})

    with running(app=large) as server, ExitStack() as stack:
        for _ in range(THREADS + 4):
            stack.enter_context(server.connect()).sendall(get())
        assert len(server.say(get())) > 6553600


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: ", b"GET / HTTP/1.1\r\n"])
def test_a_head_that_never_ends_is_broken_off(loopback: Running, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(connections, "_HEAD", 0.2)
    assert loopback.say(said) == b""


def test_a_second_head_that_never_ends_is_broken_off_too(loopback: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_HEAD", 0.2)
    first = get().replace(b"Connection: close\r\n", b"")
    with loopback.connect() as connection:
        connection.sendall(first)
        answer = b""
        while not answer.endswith(b"None}"):
            answer += connection.recv(65536)
        time.sleep(0.1)  # until the server, too, knows that it has answered
        connection.sendall(b"GET / HT")
        connection.settimeout(5)
        assert connection.recv(65536) == b""


def test_a_connection_that_never_speaks_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lan: Running
) -> None:
    monkeypatch.setattr(connections, "_FIRST_BYTE", 0.2)
    assert lan.say(tls=False) == b""


def closed(connection: socket.socket) -> bool:
    """Whether the server has closed a connection; waits for it."""
    connection.settimeout(5)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_one_address_keeps_nobody_out_however_many_connections_it_opens() -> None:
    with running(most_of_address=10) as server, ExitStack() as stack:
        silent = [stack.enter_context(server.connect()) for _ in range(30)]
        assert all(map(closed, silent[:20])), "the oldest give way"
        assert server.say(get()).startswith(b"HTTP/1.1 200 ")
        assert closed(silent[20])


def test_what_an_address_asks_is_answered_however_many_connections_it_opens() -> None:
    release = threading.Event()
    with running(app=stuck_app(release), most_of_address=10) as server, ExitStack() as stack:
        busy = [stack.enter_context(server.connect()) for _ in range(10)]
        for each in busy:
            each.sendall(get("/stuck"))
        until = time.monotonic() + 10
        while sum(not guest.is_silent for guest in server.guests) < 10 and time.monotonic() < until:
            time.sleep(0.01)
        assert closed(stack.enter_context(server.connect())), "all its places are taken by what somebody waits for"
        assert len(server.guests) == 10
        release.set()
        assert all(each.recv(65536) for each in busy)


def test_where_every_place_is_taken_the_oldest_silent_connection_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_MOST_CONNECTIONS", 20)
    with running() as server, ExitStack() as stack:
        silent = [stack.enter_context(server.connect()) for _ in range(25)]
        assert server.say(get()).startswith(b"HTTP/1.1 200 ")
        assert all(map(closed, silent[:5]))


def test_silent_connections_end_sooner_where_half_of_the_places_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_MOST_CONNECTIONS", 20)
    monkeypatch.setattr(connections, "_HEAD", 3.0)
    with running() as server, ExitStack() as stack:
        silent = [stack.enter_context(server.connect()) for _ in range(12)]
        begun = time.monotonic()
        assert closed(silent[-1])
        assert time.monotonic() - begun < 2.5
        assert server.say(get()).startswith(b"HTTP/1.1 200 ")


def test_large_bodies_are_read_one_after_another_and_the_last_are_told_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(whole_requests, "_TURN_SECONDS", 0.3)
    release, begun = threading.Event(), threading.Event()

    def reading(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if int(environ.get("CONTENT_LENGTH") or 0) > 1000:
            begun.set()
            release.wait(60)
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    large = post(b"x" * 2000, "Content-Length: 2000")
    bodies = whole_requests.LargeBodies(1000, lambda _: True)
    with running(app=reading, large=bodies) as server, server.connect() as first:
        first.sendall(large)
        assert begun.wait(10)
        answer = server.say(large)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"retry-after: 10" in answer.lower()
        assert server.say(post(b"x" * 900, "Content-Length: 900")).startswith(b"HTTP/1.1 200 "), "nobody else waits"
        release.set()
        assert first.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert server.say(large).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_never_comes_is_refused_and_never_reaches_the_app(
    loopback: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_requests, "_BODY_SECONDS", 0.2)
    answer = loopback.say(post(b"abc", "Content-Length: 5"))
    assert answer.startswith(b"HTTP/1.1 408 ") and "tardó".encode() in answer
    assert loopback.reached.requests == []


def test_it_ends_within_five_seconds_whatever_is_open(tmp_path: Path) -> None:
    settings = site(tmp_path)
    make_certificates(settings)
    release = threading.Event()
    with ExitStack() as stack:
        with running(settings, app=stuck_app(release)) as server:
            stack.enter_context(server.connect(tls=False))
            stack.enter_context(server.connect())
            waiting = stack.enter_context(server.connect())
            waiting.sendall(get("/slow"))
            never = stack.enter_context(server.connect())
            never.sendall(get("/stuck"))
            time.sleep(0.2)
            begun = time.monotonic()
        assert time.monotonic() - begun < 5
        release.set()
        # What was under way and short came to its end.
        assert b"".join(iter(lambda: waiting.recv(65536), b"")).endswith(b"slow")
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)
