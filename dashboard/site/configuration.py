"""What a site may not be opened with: such a configuration ends the process with its own exit code.

In: the environment and what the settings name. Out: nothing, or a ConfigurationError whose message is for users.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

#: What a process ends with when its configuration is at fault (EX_CONFIG of sysexits.h): to try again is no use.
EXIT_CONFIGURATION = 78
_DEBUG = ("DEBUG", "FLASK_DEBUG", "DASH_DEBUG")
_OFF = frozenset({"", "0", "false", "no", "off", "none", "n", "f"})


class ConfigurationError(Exception):
    """The system cannot be opened as it is configured; the message says what is missing or weak and what to do."""


def check_debugging(*, loopback: bool, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse to open the system to others while a switch for debugging is on. ConfigurationError."""
    for name in _DEBUG:
        if not loopback and environment.get(name, "").strip().casefold() not in _OFF:
            raise ConfigurationError(
                f"La variable {name} está encendida: con ella el sistema solo se abre en esta misma computadora. "
                f"Apáguela (unset {name}) y vuelva a abrirlo."
            )


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read; it appears whole or not at all, in the place of an older one."""
    make_private_folder(path.parent)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    from etl.warehouse import sync_folder

    sync_folder(path.parent)


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner can enter."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def close_to_others(folder: Path) -> None:
    """Take from everybody but the owner what they may do with a folder and all that lies in it."""
    for path in [folder, *folder.rglob("*")]:
        try:
            mode = stat.S_IMODE(path.lstat().st_mode)
            if mode & 0o077 and not path.is_symlink():
                path.chmod(mode & 0o700)
        except FileNotFoundError:  # a draft of another process, gone meanwhile
            continue
