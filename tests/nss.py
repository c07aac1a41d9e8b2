"""Installing an authority in the certificate store that Chromium reads, as ``certutil -A -t C,,`` does.

Through the library that Chromium itself needs, since certutil is not everywhere; run as a process, since NSS opens one
store in each: ``python -m tests.nss HOME AUTHORITY.pem``.
"""

import ctypes
import ctypes.util
import subprocess
import sys
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

_VALID_AUTHORITY, _TRUSTED_AUTHORITY = 1 << 3, 1 << 4


class _Trust(ctypes.Structure):
    """CERTCertTrust: for servers, mail, code."""

    _fields_ = (("servers", ctypes.c_uint), ("mail", ctypes.c_uint), ("code", ctypes.c_uint))


def trust(home: Path, authority: Path) -> None:
    """Let a Chromium with that home trust an authority."""
    subprocess.run([sys.executable, "-m", "tests.nss", str(home), str(authority)], check=True)


def _library(name: str) -> Any:
    return ctypes.CDLL(ctypes.util.find_library(name) or f"lib{name}.so")


def _install(folder: Path, der: bytes) -> None:
    nss, smime = _library("nss3"), _library("smime3")
    for function in (nss.PK11_GetInternalKeySlot, nss.CERT_GetDefaultCertDB, smime.CERT_DecodeCertFromPackage):
        function.restype = ctypes.c_void_p

    def succeed(code: int, what: str) -> None:
        if code != 0:
            raise SystemExit(f"NSS: {what}: {_library('nssutil3').PORT_GetError_Util()}")

    succeed(nss.NSS_InitReadWrite(f"sql:{folder}".encode()), "open")
    slot = ctypes.c_void_p(nss.PK11_GetInternalKeySlot())
    if nss.PK11_NeedUserInit(slot):
        succeed(nss.PK11_InitPin(slot, None, b""), "password")
    certificate = ctypes.c_void_p(smime.CERT_DecodeCertFromPackage(der, len(der)))
    succeed(nss.PK11_ImportCert(slot, certificate, ctypes.c_ulong(0), b"authority", 0), "import")
    wanted = _Trust(_VALID_AUTHORITY | _TRUSTED_AUTHORITY, 0, 0)
    database = ctypes.c_void_p(nss.CERT_GetDefaultCertDB())
    succeed(nss.CERT_ChangeCertTrust(database, certificate, ctypes.byref(wanted)), "trust")
    nss.NSS_Shutdown()  # complains of what is still referenced; all is written


if __name__ == "__main__":
    store = Path(sys.argv[1]) / ".pki" / "nssdb"
    store.mkdir(parents=True)
    _install(store, x509.load_pem_x509_certificate(Path(sys.argv[2]).read_bytes()).public_bytes(Encoding.DER))
