"""What several workers need and one can make: in, its name and how it is made; out, a copy for this worker alone."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def made_once(folders: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Give a copy of what `make` leaves in a folder, made by whichever worker of this run asks first."""
    own = folders.getbasetemp()
    run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    kept = run / f"once-{name}"
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            unfinished = kept.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)  # of a worker that failed at it
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(kept)
    copy = folders.mktemp(name)
    shutil.copytree(kept, copy, dirs_exist_ok=True)
    return copy
