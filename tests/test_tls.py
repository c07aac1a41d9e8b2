"""The server on a name of the LAN: TLS by the site's own authority, and patience with nobody at the others' cost."""

import re
import socket
import ssl
import stat
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from a2wsgi.wsgi_typing import Environ, StartResponse, WSGIApp
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask, Response, request

from dashboard.serving import certificates, connections, whole_requests
from dashboard.serving.certificates import Pair, authority, make_certificates, our_pair, server_pair
from dashboard.serving.connections import WebServer
from dashboard.serving.server import THREADS, addresses, listen, web_server
from dashboard.site.configuration import ConfigurationError
from etl.settings import Settings

NAME = "callcenter.test"
NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


def site(folder: Path, *names: str) -> Settings:
    return Settings(data=folder / "site", hosts=names or (NAME,))


# A server in this process, with an app that tells what reached it


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


def stuck_app(release: threading.Event) -> WSGIApp:
    """The same, but for an address at which nothing is answered before it is released."""
    app = telling_app(Reached())

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/stuck":
            release.wait(60)
            raise RuntimeError
        return app(environ, start_response)

    return answer


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


# TLS


def test_a_name_of_the_lan_is_answered_over_tls_that_the_authority_vouches_for(lan: Running) -> None:
    answer = lan.say(get())
    assert answer.startswith(b"HTTP/1.1 200 ") and b"https 127.0.0.1 0" in answer
    assert b"server:" not in answer.lower()
    with lan.connect() as connection:
        assert isinstance(connection, ssl.SSLSocket) and connection.version() == "TLSv1.3"


def test_who_does_not_know_the_authority_does_not_trust_the_server(lan: Running) -> None:
    with (
        socket.create_connection(("127.0.0.1", lan.port), timeout=20) as connection,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(connection, server_hostname=NAME)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_older_than_tls_1_2_is_refused(lan: Running, version: ssl.TLSVersion) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")  # so that the refusal is the server's, not this client's
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", lan.port), timeout=20) as connection,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        old.wrap_socket(connection, server_hostname=NAME)


@pytest.mark.parametrize("host", ["evil.example", NAME, "127.0.0.1"])
def test_plain_http_on_the_tls_port_is_told_where_to_go_and_nothing_else(lan: Running, host: str) -> None:
    before = list(lan.reached.requests)
    answer = lan.say(f"GET /login HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(), tls=False).decode()
    assert answer.startswith("HTTP/1.1 426 ") and 'lang="es-BO"' in answer
    assert re.findall(r'href="([^"]*)"', answer) == [f"https://{NAME}:{lan.port}/"]
    assert "evil" not in answer and "set-cookie" not in answer.lower()
    assert lan.reached.requests == before


def test_a_form_sent_in_plain_http_is_told_the_same_and_read_by_nobody(lan: Running) -> None:
    before = list(lan.reached.requests)
    answer = lan.say(post(b"name=ana&password=abc", "Content-Length: 21"), tls=False)
    assert answer.startswith(b"HTTP/1.1 426 ") and b"password" not in answer
    assert lan.reached.requests == before


@pytest.mark.parametrize("noise", [b"\x16", b"\x16\x03\x01\x00\x05hello", b"\x00\x01\x02\r\n\r\n", b"\x80\x2e\x01"])
def test_noise_ends_its_own_connection_only(lan: Running, noise: bytes) -> None:
    with lan.connect(tls=False) as connection:
        connection.sendall(noise)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(10)
        answer = connection.recv(65536)
    assert b"200 OK" not in answer
    assert lan.say(get()).startswith(b"HTTP/1.1 200 ")


# Slow and silent connections


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


# What a request may be


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


# The end


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


# The certificates


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_files_are_their_owners_only(tmp_path: Path) -> None:
    settings = site(tmp_path)
    made = make_certificates(settings, NOW)
    assert {path.name for path in made} == {"authority.pem", "authority.key", "server.pem", "server.key"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    assert stat.S_IMODE(made[0].parent.stat().st_mode) == 0o700
    assert make_certificates(settings, NOW) == []


def test_the_certificate_is_for_the_names_of_the_site_and_the_machine_itself(tmp_path: Path) -> None:
    settings = site(tmp_path, NAME, "10.1.2.3", "cc.comteco.example")
    make_certificates(settings, NOW)
    certificate = read(our_pair(settings).certificate)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME, "cc.comteco.example", "localhost"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["10.1.2.3", "127.0.0.1", "::1"]
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=398)
    root = read(authority(settings).certificate)
    assert (root.not_valid_after_utc - NOW).days in range(3649, 3651)
    assert certificate.issuer == root.subject
    certificate.verify_directly_issued_by(root)


def test_the_authority_cannot_vouch_for_a_name_of_somebody_else(tmp_path: Path) -> None:
    settings = site(tmp_path)
    make_certificates(settings)
    root = authority(settings)
    signing = read(root.certificate), certificates._read_key(root.key)
    forged, key = certificates._new_server(["bank.example"], *signing, datetime.now(UTC))
    pair = Pair(tmp_path / "forged.pem", tmp_path / "forged.key")
    pair.certificate.write_bytes(certificates._certificate_bytes(forged))
    pair.key.write_bytes(certificates._key_bytes(key))
    with (
        running(settings, pair=pair) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection,
        pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"),
    ):
        assert server.trust is not None
        server.trust.wrap_socket(connection, server_hostname="bank.example")


def test_it_is_renewed_in_its_last_thirty_days_and_not_before(tmp_path: Path) -> None:
    settings = site(tmp_path)
    make_certificates(settings, NOW)
    first, root = our_pair(settings).certificate.read_bytes(), authority(settings).certificate.read_bytes()
    end = read(our_pair(settings).certificate).not_valid_after_utc
    server_pair(settings, end - timedelta(days=31))
    assert our_pair(settings).certificate.read_bytes() == first
    server_pair(settings, end - timedelta(days=29))
    renewed = read(our_pair(settings).certificate)
    assert renewed.not_valid_after_utc > end + timedelta(days=300)
    assert authority(settings).certificate.read_bytes() == root
    server_pair(settings, end + timedelta(days=3000))  # even long after it was over


def test_a_renewal_that_fails_leaves_the_certificate_that_is_still_good(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = site(tmp_path)
    make_certificates(settings, NOW)
    authority(settings).key.unlink()  # kept elsewhere, as careful people do
    end = read(our_pair(settings).certificate).not_valid_after_utc
    assert server_pair(settings, end - timedelta(days=29)) == our_pair(settings)
    assert "could not be renewed" in caplog.text
    with pytest.raises(ConfigurationError, match=r"Falta .*authority\.key"):
        server_pair(settings, end)


def test_a_new_name_gets_a_certificate_where_the_authority_may_vouch_for_it(tmp_path: Path) -> None:
    make_certificates(site(tmp_path), NOW)
    more = site(tmp_path, NAME, "otro.lan", "192.168.7.7")
    server_pair(more, NOW)
    certificates.check_pair(our_pair(more), ("otro.lan", "192.168.7.7"), NOW)
    with pytest.raises(ConfigurationError, match=r"no vale para bank\.example, 8\.8\.8\.8.*cada puesto"):
        server_pair(site(tmp_path, NAME, "bank.example", "8.8.8.8"), NOW)


def test_a_half_written_pair_is_made_again(tmp_path: Path) -> None:
    settings = site(tmp_path)
    make_certificates(settings, NOW)
    other = site(tmp_path / "other")
    make_certificates(other, NOW)
    our_pair(settings).key.write_bytes(our_pair(other).key.read_bytes())
    pair = server_pair(settings, NOW)
    assert pair is not None
    certificates.check_pair(pair, (NAME,), NOW)


@pytest.mark.parametrize(
    "name", ["https://callcenter", "call center", "callcenter:8050", "-a", "a..b", "ñandú.lan", ""]
)
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="no es un nombre de computadora"):
        certificates.check_names([name])


# A certificate of the site's own


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A certificate as a site would bring it: here for two names, one with a star, valid around NOW."""
    folder = tmp_path_factory.mktemp("own")
    root, root_key = certificates._new_authority(["site.example", "wide.example"], NOW)
    certificate, key = certificates._new_server(["cc.site.example", "*.wide.example"], root, root_key, NOW)
    pair = Pair(folder / "site.pem", folder / "site.key")
    pair.certificate.write_bytes(certificates._certificate_bytes(certificate))
    pair.key.write_bytes(certificates._key_bytes(key))
    return pair


def with_own(pair: Pair, *names: str) -> Settings:
    return Settings(data=Path("nowhere"), hosts=names, certificate=pair.certificate, certificate_key=pair.key)


def test_the_sites_own_certificate_is_taken_where_it_is_good(own: Pair) -> None:
    assert server_pair(with_own(own, "cc.site.example", "any.wide.example"), NOW) == own


@pytest.mark.parametrize("name", ["other.example", "site.example", "a.b.wide.example", "wide.example", "10.0.0.1"])
def test_the_sites_own_certificate_without_the_name_is_refused(own: Pair, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"no sirve para {name}"):
        server_pair(with_own(own, "cc.site.example", name), NOW)


@pytest.mark.parametrize(("days", "says"), [(-1, "Todavía no vale"), (398, "Venció")])
def test_a_certificate_out_of_its_time_is_refused(own: Pair, days: int, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        server_pair(with_own(own), NOW + timedelta(days=days))


def test_a_key_that_is_not_the_certificates_is_refused(own: Pair, tmp_path: Path) -> None:
    key = tmp_path / "rsa.key"
    plain = serialization.NoEncryption()
    kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key.write_bytes(secret.private_bytes(*kind, plain))
    with pytest.raises(ConfigurationError, match="no corresponde"):
        server_pair(with_own(Pair(own.certificate, key)), NOW)
    key.write_bytes(secret.private_bytes(*kind, serialization.BestAvailableEncryption(b"word")))
    with pytest.raises(ConfigurationError, match="tiene contraseña"):
        server_pair(with_own(Pair(own.certificate, key)), NOW)


def test_files_that_are_none_are_refused(own: Pair, tmp_path: Path) -> None:
    for pair, says in (
        (Pair(own.key, own.key), "no es un certificado"),
        (Pair(own.certificate, own.certificate), "no es una clave"),
        (Pair(tmp_path / "none.pem", own.key), "No se puede leer el certificado"),
        (Pair(own.certificate, tmp_path / "none.key"), "No se puede leer la clave"),
    ):
        with pytest.raises(ConfigurationError, match=says):
            server_pair(with_own(pair), NOW)
    with pytest.raises(ConfigurationError, match="los dos archivos"):
        server_pair(Settings(data=tmp_path, certificate=own.certificate), NOW)


def test_without_any_certificate_there_is_none(tmp_path: Path) -> None:
    assert server_pair(site(tmp_path), NOW) is None


def test_a_certificate_replaced_on_disk_is_served_without_opening_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WebServer, "look_at_certificate_seconds", 0.05)
    settings = site(tmp_path)
    make_certificates(settings)

    def served() -> int:
        with server.connect() as connection:
            assert isinstance(connection, ssl.SSLSocket)
            shown = connection.getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(shown or b"").serial_number

    with running(settings, renew=True) as server:
        first = served()
        assert first == read(our_pair(settings).certificate).serial_number
        our_pair(settings).certificate.write_text("half a file")  # renewed at the next look
        until = time.monotonic() + 10
        while served() == first and time.monotonic() < until:
            time.sleep(0.05)
        assert served() == read(our_pair(settings).certificate).serial_number != first
