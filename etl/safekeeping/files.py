"""Files of a backup as they are written: private, and on the disk before anything rests on them.

In: paths. Out: files that only their owner reads, folders whose content and names are durable.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from etl.warehouse import sync_folder


@contextmanager
def private_file(path: Path) -> Iterator[Any]:
    """Open a file to write that only its owner may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        yield file


def bring_to_disk(folder: Path) -> None:
    """Make everything in a folder, and its names, durable."""
    for path in (*sorted(folder.rglob("*")), folder):
        if path.is_dir():
            sync_folder(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())
