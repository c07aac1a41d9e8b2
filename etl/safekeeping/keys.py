"""Keys and secrets, which lie apart from a backup: their copies, and settings that hold none.

In: an open store, a folder elsewhere; the text of a settings file. Out: there private copies of what is secret; the
settings without it, and the fingerprint that tells which key belongs to a backup.
"""

from __future__ import annotations

import hashlib
import io
import os
from datetime import datetime
from pathlib import Path

from dotenv.parser import parse_stream
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from etl.records.audit import Action, Actor, Result, note
from etl.records.engine import transaction
from etl.records.models import AuditEntry
from etl.safekeeping.files import private_file
from etl.safekeeping.manifest import BackupError
from etl.settings import SETTINGS_FILE, setting_named
from etl.store import OpenStore
from etl.warehouse import sync_folder

#: What is secret or names secrets: kept apart from the backup. ``tls`` holds the certificate and the authority.
KEY_NAMES = ("pseudonyms.key", "secret.key", SETTINGS_FILE, "tls")
#: What the audit calls them.
KEYS = "claves"
_SECRET_WORDS = ("SECRET", "PASSWORD", "TOKEN", "DATABASES")
#: An address may hold a password, and has more than one place for it.
_ADDRESS = "_URL"


def fingerprint(key: bytes) -> str:
    """Return what tells one key of pseudonyms from another, and nothing else of it."""
    return hashlib.sha256(b"callcenter pseudonyms.key " + key).hexdigest()[:16]


def keep_keys(store: OpenStore, folder: Path, by: Actor) -> None:
    """Copy keys and secrets to their own folder, and note that; never over the key of another store."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = folder / KEY_NAMES[0]
    if known.exists() and known.read_text(encoding="ascii").strip() != store.key.hex():
        raise BackupError(f"{known} es la clave de otro almacén: indique otra carpeta con --keys.")
    for path in (store.settings.data / name for name in KEY_NAMES):
        for source in [path] if path.is_file() else sorted(path.rglob("*")) if path.is_dir() else []:
            target = folder / source.relative_to(store.settings.data)
            if source.is_file() and not (target.exists() and target.read_bytes() == source.read_bytes()):
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                draft = target.with_name(f".{target.name}.nuevo")
                with private_file(draft) as file:
                    file.write(source.read_bytes())
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(target)
                sync_folder(target.parent)
    with transaction(store.records) as session:
        note(session, by, Action.BACKUP, KEYS, folder=str(folder))


def keys_kept_at(session: Session) -> datetime | None:
    """Return when keys and secrets were last copied elsewhere (UTC), None for never."""
    kept = (AuditEntry.action == Action.BACKUP, AuditEntry.object == KEYS, AuditEntry.result == Result.DONE)
    return session.scalar(select(func.max(AuditEntry.entered_at)).where(*kept))


def settings_without_secrets(text: str) -> str:
    """Return a settings file without the settings that are a secret, or may hold one: those named so, and addresses.

    The file is taken apart as it is when it is read. Of a secret whose quote is never closed nobody can tell where it
    ends: all behind it is left out.
    """
    kept: list[str] = []
    for binding in parse_stream(io.StringIO(text)):
        if not _is_secret(binding.key or setting_named(binding.original.string)):
            kept.append(binding.original.string)
        elif binding.error:
            break
    return "".join(kept)


def _is_secret(name: str) -> bool:
    return name.upper().endswith(_ADDRESS) or any(word in name.upper() for word in _SECRET_WORDS)
