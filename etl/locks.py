"""A lock that tells who holds it: one process at a time, freed by the kernel when that process dies."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


class HeldByAnother(Exception):
    """Another process holds the lock; the message says which and since when, as far as it is known."""


@contextmanager
def hold(lock: FileLock, note: Path, since: str) -> Iterator[None]:
    """Hold a lock, with a note beside it of this process and since when it does. Raises HeldByAnother at once."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        holder = "otro proceso"
        with suppress(OSError):
            holder = note.read_text(encoding="utf-8")
        raise HeldByAnother(holder) from None
    try:
        note.write_text(f"proceso {os.getpid()}, desde {since}", encoding="utf-8")
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()
