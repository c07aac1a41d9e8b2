"""Certificates for TLS in the LAN: those of a small authority of the site's own, or those that the site brings.

In: the names that the server answers to. Out: files in ``<data>/tls/`` that only their owner reads: ``authority.pem``
(installed once on every desk), ``authority.key``, ``server.pem`` and ``server.key``.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes, PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dashboard.site.configuration import ConfigurationError, write_private
from etl.settings import ZONE, Settings

_LOG = logging.getLogger(__name__)
FOLDER = "tls"
_AUTHORITY_LASTS = timedelta(days=3650)
#: As long as browsers accept (398 days), counted from a little before now: the clocks of the desks differ.
_SERVER_LASTS = timedelta(days=398)
_CLOCKS_DIFFER = timedelta(hours=1)
RENEW_BEFORE = timedelta(days=30)
_ORGANIZATION = "COMTECO R.L. Call Center"
#: What the server answers to on the machine itself, beside its names in the LAN.
_ITSELF = ("localhost", "127.0.0.1", "::1")
#: Names and addresses that no public server can have: the authority may vouch for them without harm to anybody.
_PRIVATE_NAMES = ("localhost", "local", "lan", "internal", "intranet", "test", "home.arpa")
_PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "::1/128", "fc00::/7")
_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")


@dataclass(frozen=True)
class Pair:
    """A certificate with its key, as files."""

    certificate: Path
    key: Path


def server_pair(settings: Settings, now: datetime | None = None) -> Pair | None:
    """Return what the server shows: the site's own certificate, or ours, renewed when it is time; None without any.

    Raises ConfigurationError for one that browsers would refuse.
    """
    now = now or datetime.now(UTC)
    if settings.certificate is not None or settings.certificate_key is not None:
        if settings.certificate is None or settings.certificate_key is None:
            raise ConfigurationError(
                "Hacen falta los dos archivos: CALLCENTER_CERTIFICATE y CALLCENTER_CERTIFICATE_KEY."
            )
        own = Pair(settings.certificate, settings.certificate_key)
        check_pair(own, settings.hosts, now)
        return own
    ours = our_pair(settings)
    if not ours.certificate.exists() and not authority(settings).certificate.exists():
        return None
    if _needs_renewal(ours, settings.hosts, now):
        try:
            make_certificates(settings, now)
        except (ConfigurationError, OSError) as error:
            if not _is_good(ours, settings.hosts, now):
                raise
            _LOG.warning("the certificate could not be renewed: %s", error)
    return ours


def make_certificates(settings: Settings, now: datetime | None = None) -> list[Path]:
    """Make what is missing or nearly over: the authority and the server's certificate; return the files written.

    Raises ConfigurationError where the authority of before may not vouch for a name: it is installed on the desks, so
    it is not replaced without being asked.
    """
    now = now or datetime.now(UTC)
    check_names(settings.hosts)
    written: list[Path] = []
    issuer = authority(settings)
    if not issuer.certificate.exists() or not issuer.key.exists():
        if issuer.certificate.exists():
            raise ConfigurationError(
                f"Falta {issuer.key}: restáurelo de un respaldo o borre la carpeta {issuer.certificate.parent} para "
                "hacer otra autoridad, que habrá que instalar de nuevo en cada puesto."
            )
        certificate, key = _new_authority(settings.hosts, now)
        # The key first: without its certificate it is nothing, and is made again.
        write_private(issuer.key, _key_bytes(key))
        write_private(issuer.certificate, _certificate_bytes(certificate))
        written += [issuer.certificate, issuer.key]
    ours = our_pair(settings)
    if written or _needs_renewal(ours, settings.hosts, now):
        check_pair(issuer, (), now, what="la autoridad del sitio")
        vouching = _read_certificate(issuer.certificate)
        # It is the one that the authority's certificate names, so of a kind that signs.
        vouching_key = cast(CertificateIssuerPrivateKeyTypes, _read_key(issuer.key))
        _refuse_unvouched(vouching, settings.hosts, issuer)
        certificate, key = _new_server(settings.hosts, vouching, vouching_key, now)
        write_private(ours.key, _key_bytes(key))
        write_private(ours.certificate, _certificate_bytes(certificate))
        written += [ours.certificate, ours.key]
    return written


def check_pair(pair: Pair, names: Sequence[str], now: datetime, *, what: str = "el certificado") -> None:
    """Refuse a certificate that is over, not yet valid, without its key, or not for those names. ConfigurationError."""
    certificate, key = _read_certificate(pair.certificate), _read_key(pair.key)
    if key.public_key().public_bytes(*_PUBLIC) != certificate.public_key().public_bytes(*_PUBLIC):
        raise ConfigurationError(f"La clave {pair.key} no corresponde a {what} {pair.certificate}.")
    if now >= certificate.not_valid_after_utc:
        raise ConfigurationError(f"Venció {what} {pair.certificate} ({_day(certificate.not_valid_after_utc)}).")
    if now < certificate.not_valid_before_utc:
        raise ConfigurationError(
            f"Todavía no vale {what} {pair.certificate} (empieza el {_day(certificate.not_valid_before_utc)}): revise "
            "la fecha de esta computadora."
        )
    if missing := [name for name in names if not _covers(certificate, name)]:
        raise ConfigurationError(
            f"El certificado {pair.certificate} no sirve para {', '.join(missing)}: pida uno con esos nombres o "
            "quítelos de CALLCENTER_HOSTS."
        )


def check_names(names: Sequence[str]) -> None:
    """Refuse what is neither the name of a host nor an address. ConfigurationError."""
    for name in names:
        if _address(name) is None and not (len(name) <= 253 and _NAME.fullmatch(name)):
            raise ConfigurationError(
                f"«{name}» no es un nombre de computadora ni una dirección: use letras sin tilde, números, guiones y "
                "puntos, como callcenter.comteco.lan, sin https:// ni puerto."
            )


def valid_until(pair: Pair) -> datetime:
    """Return until when a certificate is valid, in UTC. ConfigurationError."""
    return _read_certificate(pair.certificate).not_valid_after_utc


def fingerprint(certificate: Path) -> str:
    """Return the SHA-256 of a certificate as browsers show it. ConfigurationError."""
    return _read_certificate(certificate).fingerprint(hashes.SHA256()).hex(":").upper()


def authority(settings: Settings) -> Pair:
    """Return where a store keeps its own authority."""
    return Pair(settings.data / FOLDER / "authority.pem", settings.data / FOLDER / "authority.key")


def our_pair(settings: Settings) -> Pair:
    """Return where a store keeps the server's certificate from its own authority."""
    return Pair(settings.data / FOLDER / "server.pem", settings.data / FOLDER / "server.key")


_PUBLIC = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
_Key = ec.EllipticCurvePrivateKey
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _new_authority(names: Sequence[str], now: datetime) -> tuple[x509.Certificate, _Key]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION),
        x509.NameAttribute(NameOID.COMMON_NAME, f"Autoridad del Call Center {now.astimezone(ZONE):%Y-%m-%d}"),
    ])  # fmt: skip
    hosts = [*_PRIVATE_NAMES, *(name for name in names if _address(name) is None)]
    networks = [ipaddress.ip_network(text) for text in (*_PRIVATE_NETWORKS, *filter(_address, names))]
    permitted: list[x509.GeneralName] = [
        *(x509.DNSName(name) for name in dict.fromkeys(hosts)),
        *(x509.IPAddress(network) for network in dict.fromkeys(networks)),
    ]
    builder = _builder(subject, subject, key, now, _AUTHORITY_LASTS)
    for extension, critical in (
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_usage(signs_certificates=True), True),
        # Whoever steals the key can pretend to be this server, and nobody else.
        (x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA256()), key


def _new_server(
    names: Sequence[str], issuer: x509.Certificate, issuer_key: CertificateIssuerPrivateKeyTypes, now: datetime
) -> tuple[x509.Certificate, _Key]:
    key = ec.generate_private_key(ec.SECP256R1())
    all_names = list(dict.fromkeys((*names, *_ITSELF)))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, all_names[0][:64])])
    alternatives: list[x509.GeneralName] = [
        x509.DNSName(name) if address is None else x509.IPAddress(address)
        for name, address in ((name, _address(name)) for name in all_names)
    ]
    builder = _builder(subject, issuer.subject, key, now, _SERVER_LASTS)
    for extension, critical in (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(signs_certificates=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName(alternatives), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, hashes.SHA256()), key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: _Key, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    begins = now - _CLOCKS_DIFFER
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + lasts)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _needs_renewal(ours: Pair, names: Sequence[str], now: datetime) -> bool:
    """Tell whether our certificate is missing, nearly over, not for all names, or only half written."""
    return not _is_good(ours, names, now) or now >= valid_until(ours) - RENEW_BEFORE


def _is_good(pair: Pair, names: Sequence[str], now: datetime) -> bool:
    try:
        check_pair(pair, names, now)
    except ConfigurationError:
        return False
    return True


def _refuse_unvouched(issuer: x509.Certificate, names: Sequence[str], files: Pair) -> None:
    permitted = issuer.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    hosts = [each.value for each in permitted if isinstance(each, x509.DNSName)]
    networks = [ipaddress.ip_network(each.value) for each in permitted if isinstance(each, x509.IPAddress)]

    def may(name: str) -> bool:
        address = _address(name)
        if address is not None:
            return any(address.version == network.version and address in network for network in networks)
        return any(name == host or name.endswith(f".{host}") for host in hosts)

    if refused := [name for name in names if not may(name)]:
        raise ConfigurationError(
            f"La autoridad {files.certificate} no vale para {', '.join(refused)}. Para incluir ese nombre borre la "
            f"carpeta {files.certificate.parent}, ejecute de nuevo «callcenter init» e instale la autoridad nueva en "
            "cada puesto."
        )


def _covers(certificate: x509.Certificate, name: str) -> bool:
    """Tell whether a certificate is for a name; a star stands for exactly one label."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    address = _address(name)
    if address is not None:
        return address in found.get_values_for_type(x509.IPAddress)
    names = [each.casefold() for each in found.get_values_for_type(x509.DNSName)]
    return name in names or ("." in name and f"*.{name.partition('.')[2]}" in names)


def _address(name: str) -> _Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())[0]
    except OSError as error:
        raise ConfigurationError(f"No se puede leer el certificado {path}: {error.strerror or error}.") from None
    except ValueError:
        raise ConfigurationError(f"{path} no es un certificado en formato PEM.") from None


def _read_key(path: Path) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise ConfigurationError(f"No se puede leer la clave {path}: {error.strerror or error}.") from None
    except TypeError:
        raise ConfigurationError(
            f"La clave {path} tiene contraseña: guárdela sin ella, legible solo por el servicio."
        ) from None
    except ValueError:
        raise ConfigurationError(f"{path} no es una clave en formato PEM.") from None


def _key_bytes(key: _Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate_bytes(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _day(instant: datetime) -> str:
    return f"{instant.astimezone(ZONE):%d/%m/%Y}"
