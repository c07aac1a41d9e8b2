"""What a request may be: whole, within its bounds, and told apart from what follows it."""

import socket
import threading
import time
from contextlib import ExitStack

import pytest

from dashboard.serving import whole_requests
from tests.tls_server import Reached, Running, get, post, running, telling_app
from tests.tls_server import loopback as loopback


def test_a_body_cut_short_never_reaches_the_app(loopback: Running) -> None:
    with loopback.connect() as connection:
        connection.sendall(post(b"abc", "Content-Length: 1000"))
        connection.shutdown(socket.SHUT_WR)
        assert b"200 OK" not in connection.recv(65536)
    assert loopback.say(get()).startswith(b"HTTP/1.1 200 ")
    assert loopback.reached.requests == [("GET", 0, "")]


def test_what_follows_the_announced_length_is_no_part_of_the_body(loopback: Running) -> None:
    loopback.say(post(b"abcdef", "Content-Length: 3"))
    assert loopback.reached.requests == [("POST", 3, "")]


def test_a_large_body_arrives_whole(loopback: Running) -> None:
    size = 3 * whole_requests._IN_MEMORY_BYTES
    answer = loopback.say(post(b"x" * size, f"Content-Length: {size}"))
    assert f" {size} ".encode() in answer


def test_a_chunked_request_reaches_the_app_as_such_without_its_body(loopback: Running) -> None:
    asked = post(b"3\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked")
    answer = loopback.say(asked.replace(b"Connection: close\r\n", b""))  # the server closes all the same
    assert loopback.reached.requests == [("POST", 0, "chunked")] and b"\r\nconnection: close" in answer.lower()


def test_chunks_and_a_length_at_once_are_no_way_around(loopback: Running) -> None:
    loopback.say(post(b"3\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "Content-Length: 3"))
    assert all(kind == "chunked" for _, _, kind in loopback.reached.requests)


def test_two_lengths_are_refused(loopback: Running) -> None:
    answer = loopback.say(post(b"abc", "Content-Length: 3", "Content-Length: 5"))
    assert answer.startswith(b"HTTP/1.1 400 ") and b"no entiende" in answer
    assert loopback.reached.requests == []


@pytest.mark.parametrize(("bound", "refusal"), [(None, b"400"), (5000, b"413")])
def test_a_body_beyond_its_bounds_is_refused_before_it_is_sent(bound: int | None, refusal: bytes) -> None:
    app = telling_app(reached := Reached())
    app.config["MAX_CONTENT_LENGTH"] = bound
    with running(app=app) as server:
        answer = server.say(post(b"", f"Content-Length: {(bound or whole_requests.BODY_BYTES) + 1}"))
        assert answer.startswith(b"HTTP/1.1 %b " % refusal)
        assert server.say(post(b"x" * 5000, "Content-Length: 5000")).startswith(b"HTTP/1.1 200 ")
    assert reached.requests == [("POST", 5000, "")]


@pytest.mark.parametrize("bound", ["HELD_BYTES", "HELD_BYTES_OF_ADDRESS"])
def test_bodies_that_are_too_much_together_are_refused(
    bound: str, loopback: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_requests, bound, 1500)
    with loopback.connect() as waiting:
        waiting.sendall(post(b"x" * 1000, "Content-Length: 1001"))
        until = time.monotonic() + 10
        while time.monotonic() < until:
            answer = loopback.say(post(b"x" * 1000, "Content-Length: 1000"))
            if answer.startswith(b"HTTP/1.1 503 "):
                break
        assert answer.startswith(b"HTTP/1.1 503 ")
    assert loopback.say(post(b"x" * 400, "Content-Length: 400")).startswith(b"HTTP/1.1 200 ")


def test_what_is_announced_and_never_sent_keeps_nobody_out(loopback: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_requests, "HELD_BYTES", 13_000)  # the three that come may still be held together
    with ExitStack() as silent:
        for _ in range(20):
            silent.enter_context(loopback.connect()).sendall(post(b"", "Content-Length: 4000"))
        for _ in range(3):
            assert loopback.say(post(b"x" * 4000, "Content-Length: 4000")).startswith(b"HTTP/1.1 200 ")
    assert loopback.reached.requests == [("POST", 4000, "")] * 3


def test_a_body_that_pauses_is_given_up_however_long_it_is(loopback: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_requests, "_SILENT_SECONDS", 0.2)
    size = whole_requests.BODY_BYTES
    assert loopback.say(post(b"x" * 70_000, f"Content-Length: {size}")).startswith(b"HTTP/1.1 408 ")
    assert loopback.reached.requests == []


def test_a_body_of_drops_is_given_up_however_long_it_is(loopback: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_requests, "_BODY_SECONDS", 0.3)
    dropping = threading.Event()
    with loopback.connect() as connection:
        connection.sendall(post(b"", f"Content-Length: {whole_requests.BODY_BYTES}"))

        def drop() -> None:
            while not dropping.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=drop)
        thread.start()
        try:
            assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
        finally:
            dropping.set()
            thread.join()
    assert loopback.reached.requests == []


def test_a_large_body_is_waited_for_only_where_its_sender_may_send_it() -> None:
    app = telling_app(reached := Reached())
    app.config["LARGE_BODIES"] = whole_requests.LargeBodies(1000, lambda cookies: "sid=good" in cookies)
    with running(app=app) as server:
        for cookie in ("Cookie: sid=bad", "X-Cookie: sid=good"):  # answered although the body never comes
            assert server.say(post(b"", "Content-Length: 5000", cookie)).startswith(b"HTTP/1.1 400 ")
        assert reached.requests == []
        assert server.say(post(b"x" * 5000, "Content-Length: 5000", "Cookie: sid=good")).startswith(b"HTTP/1.1 200 ")
        assert server.say(post(b"x" * 1000, "Content-Length: 1000")).startswith(b"HTTP/1.1 200 ")
    assert reached.requests == [("POST", 5000, ""), ("POST", 1000, "")]


@pytest.mark.parametrize(
    "headers",
    [[f"X-{number}: a" for number in range(150)], ["X-Long: " + "a" * 40_000], ["Cookie: " + "a" * 300_000]],
    ids=["many", "long", "longer than a read"],
)
def test_a_head_beyond_its_bounds_is_refused(loopback: Running, headers: list[str]) -> None:
    with loopback.connect() as connection:
        try:
            connection.sendall(get("/", *headers))
            answer = connection.recv(65536)
        except ConnectionError:  # refused while it was still being sent
            answer = b""
    assert answer[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 400", b"")
    assert loopback.reached.requests == []
    assert loopback.say(get("/", *(f"X-{number}: a" for number in range(50)))).startswith(b"HTTP/1.1 200 ")


def test_a_name_with_an_underscore_passes_for_no_other_and_a_proxy_is_not_believed(loopback: Running) -> None:
    answer = loopback.say(
        get("/", "Sec_Fetch_Site: same-origin", "X-Forwarded-For: 10.9.9.9", "Forwarded: for=10.9.9.9")
    )
    assert b"http 127.0.0.1 0" in answer and b"'Sec-Fetch-Site': None" in answer
