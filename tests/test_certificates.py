"""Certificates: the site's own authority, renewal, and those that a site brings."""

import socket
import ssl
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from dashboard.serving import certificates
from dashboard.serving.certificates import Pair, authority, make_certificates, our_pair, server_pair
from dashboard.serving.connections import WebServer
from dashboard.site.configuration import ConfigurationError
from etl.settings import Settings
from tests.tls_server import NAME, running, site

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


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
