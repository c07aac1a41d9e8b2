"""The server on a name of the LAN: TLS by the site's own authority, and what plain HTTP is told."""

import re
import socket
import ssl
import warnings

import pytest

from tests.tls_server import NAME, Running, get, post
from tests.tls_server import lan as lan


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
