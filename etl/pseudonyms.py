"""Keyed pseudonyms of callers' numbers: HMAC-SHA-256 with the store's secret, in Python and as a DuckDB expression.

A plain hash would be no protection (there are only 10^8 eight-digit numbers), so the key is part of the store and is
kept apart from it in backups.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

MARK = "~"
HEX_DIGITS = 24
KEY_BYTES = 32
_BLOCK = 64


def read_key(path: Path) -> bytes:
    """Return the store's secret, made at first use (32 random bytes, readable by the owner only).

    The file appears whole or not at all, and the first of two processes wins. Raises ValueError for a damaged key.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")  # two threads may be first, too
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_bytes(KEY_BYTES).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    if len(key) != KEY_BYTES:
        raise ValueError(f"{path}: {len(key)} bytes")
    return key


def pseudonym(text: str, key: bytes) -> str:
    """Return the pseudonym of a number or name: ``~`` and 24 hex digits (96 bits of the HMAC)."""
    return MARK + hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:HEX_DIGITS]


def pseudonym_sql(expression: str, key: bytes) -> str:
    """Return a DuckDB expression equal to ``pseudonym`` (RFC 2104 from two SHA-256); empty and NULL stay as they are.

    A text that already is a pseudonym stays too, so that forgetting the clear numbers later changes no identity.
    """
    padded = key.ljust(_BLOCK, b"\0")
    inner, outer = (_blob(bytes(byte ^ pad for byte in padded)) for pad in (0x36, 0x5C))
    digest = f"sha256({outer} || unhex(sha256({inner} || encode({expression}))))"
    return (
        f"CASE WHEN {expression} IS NULL OR {expression} = '' OR "
        f"(starts_with({expression}, '{MARK}') AND length({expression}) = {HEX_DIGITS + 1}) THEN {expression} "
        f"ELSE '{MARK}' || left({digest}, {HEX_DIGITS}) END"
    )


def _blob(content: bytes) -> str:
    return "'" + "".join(f"\\x{byte:02X}" for byte in content) + "'::BLOB"
