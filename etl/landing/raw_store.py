"""The raw store's folder: bytes copied into drafts, drafts made pieces that never change, named by their SHA-256."""

import os
from pathlib import Path
from typing import BinaryIO

from etl.faults import reach
from etl.readers.lines import blocks
from etl.settings import Settings
from etl.warehouse import sync_folder


def raw_path(settings: Settings, sha256: str) -> Path:
    """Return where a piece lies in the raw store."""
    return settings.raw / sha256[:2] / sha256


def keep(draft: Path, sha256: str, settings: Settings) -> None:
    """Make a complete draft durable and give it its final name."""
    reach("landing")
    final = raw_path(settings, sha256)
    if not final.parent.exists():
        final.parent.mkdir(parents=True)
        sync_folder(final.parent.parent)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(final)
    sync_folder(final.parent)


def copy(path: Path, draft: Path, start: int) -> None:
    """Copy a file from a byte on, as long as it is now."""
    with path.open("rb") as file:
        copy_open(file, draft, start)


def copy_open(file: BinaryIO, draft: Path, start: int) -> None:
    """Copy an open file from a byte on, as long as it is now; by the kernel where it can (a third of the time)."""
    draft.parent.mkdir(parents=True, exist_ok=True)
    with draft.open("wb") as out:
        left = os.fstat(file.fileno()).st_size - start
        if hasattr(os, "sendfile"):
            while left > 0 and (sent := os.sendfile(out.fileno(), file.fileno(), start, left)):
                start, left = start + sent, left - sent
        else:
            file.seek(start)
            for block in blocks(file, max(0, left)):
                out.write(block)


def write(file: BinaryIO, draft: Path) -> None:
    """Write the bytes of a file from where it stands on."""
    with draft.open("wb") as out:
        for block in blocks(file):
            out.write(block)
