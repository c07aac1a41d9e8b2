"""Logs that grow and are rotated, found: paths in, at each look the files that have something new.

A followed log is looked at together with its rotated pieces beside it (``queue_log.1``, ``queue_log-20261001.gz``), so
that what was written between the last look and a rotation is taken up where it stood. Looks ask the file system for
sizes and times, which is cheap and works on shares. What cannot be read is told once and tried again.
"""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from etl.known_logs import HEAD_BYTES
from etl.locks import HeldByAnother, hold
from etl.readers.lines import is_gzip
from etl.settings import ZONE_OFFSET_SECONDS, Settings
from etl.store import AnotherLoadRuns, now

#: What a followed folder is looked through for.
LOG_NAME = "queue_log"
#: A file that nobody appends to is whole when its size and time have been the same for so long.
SETTLED_SECONDS = 10.0
#: What was refused is tried again after so long.
AGAIN_SECONDS = 600.0
_PACKED_OTHERWISE = (".bz2", ".xz", ".Z", ".zst", ".lzma")
_OFFSET = timedelta(seconds=ZONE_OFFSET_SECONDS)
_Stamp = tuple[int, int, int, int]


class AnotherFollows(AnotherLoadRuns):
    """Another process follows the logs of this store; the message says which and since when."""


@dataclass
class _Seen:
    """What is known of a file: how it was at the last look, since when, and as what it was taken; when refused."""

    stamp: _Stamp
    since: float
    taken: _Stamp | None = None
    refused: float | None = None


@dataclass
class Follower:
    """Tells at each look which files have something new. ``paths`` are logs, or folders with a ``queue_log``.

    Of the files of ``inbox`` all are looked at that are not hidden. ``said`` collects what users are told, each thing
    once.
    """

    paths: Sequence[Path]
    inbox: Path | None = None
    settled: float = SETTLED_SECONDS
    said: list[str] = field(default_factory=list)
    _seen: dict[Path, _Seen] = field(default_factory=dict)
    _followed: set[tuple[int, int]] = field(default_factory=set)
    _missing: set[Path] = field(default_factory=set)
    _troubles: dict[Path, str] = field(default_factory=dict)

    def look(self, *, now: float, wall: float, with_inbox: bool = True) -> list[Path]:
        """Return the files to load now: `now` in seconds of a clock that only goes on, `wall` of the epoch."""
        found: dict[Path, _Seen] = {}
        ready: list[Path] = []
        for path in self.paths:
            is_folder = path.is_dir()
            live = path / LOG_NAME if is_folder else path
            pieces = self._beside(live)
            for each in pieces:
                self._consider(each, live, found, ready, now, wall)
            # What the exchange's script fills has pieces alone, by other names.
            if live.parent not in self._troubles:
                self._tell_missing(live, bool(pieces) if is_folder else live in pieces)
        if self.inbox is not None and with_inbox:
            for each in self._in_inbox(self.inbox):
                self._consider(each, None, found, ready, now, wall)
        # Of a folder that is away for a while nothing is forgotten.
        gone = {path for path in self._seen if path not in found and path.parent not in self._troubles}
        self._seen = {path: seen for path, seen in (self._seen | found).items() if path not in gone}
        return list(dict.fromkeys(ready))

    def note_taken(self, paths: Collection[Path]) -> None:
        """Remember that files, as they were at the last look, are loaded or being loaded."""
        for path in paths:
            if (seen := self._seen.get(path)) is not None:
                seen.taken = seen.stamp

    def note_refused(self, paths: Collection[Path], at: float) -> None:
        """Leave files alone for a while from an instant of the look's clock on; then they are tried, changed or not."""
        for path in paths:
            if (seen := self._seen.get(path)) is not None:
                seen.taken, seen.refused = None, at

    def _beside(self, live: Path) -> list[Path]:
        """Return a log and its rotated pieces, as far as they are there."""
        try:
            there = [Path(entry.path) for entry in os.scandir(live.parent) if is_piece(entry.name, live.name)]
        except FileNotFoundError:
            there = []
        except OSError as error:
            self._tell(live.parent, f"{live.parent}: no se puede leer la carpeta ({error.strerror or error})")
            return []
        self._tell(live.parent, None)
        return sorted(there)

    def _in_inbox(self, folder: Path) -> list[Path]:
        try:
            there = [path for path in folder.rglob("*") if not path.name.startswith(".")]
        except OSError as error:
            self._tell(folder, f"{folder}: no se puede leer la carpeta ({error.strerror or error})")
            return []
        self._tell(folder, None)
        return sorted(there)

    def _consider(
        self, path: Path, live: Path | None, found: dict[Path, _Seen], ready: list[Path], now: float, wall: float
    ) -> None:
        try:
            state = path.stat()
            if not path.is_file():
                return
        except FileNotFoundError:  # renamed meanwhile: the next look sees it under its other name
            return
        except OSError as error:
            self._tell(path, f"{path}: no se puede leer ({error.strerror or error})")
            return
        stamp = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns)
        before = self._seen.get(path)
        if before is None:
            seen = found[path] = _Seen(stamp, now)
        else:
            since = before.since if before.stamp == stamp else now
            seen = found[path] = _Seen(stamp, since, before.taken, before.refused)
        identity = (state.st_dev, state.st_ino)
        if path == live:
            self._followed.add(identity)
        grows = path == live or identity in self._followed
        is_settled = now - seen.since >= self.settled or abs(wall - state.st_mtime) >= self.settled
        if seen.taken == stamp or not (grows or is_settled) or not state.st_size:
            return
        if seen.refused is not None and now - seen.refused < AGAIN_SECONDS:
            return
        if path.suffix in _PACKED_OTHERWISE and live is not None:
            self._tell(path, f"{path}: comprimido de una forma que no se lee; descomprímalo o use gzip")
        elif self._has_a_line(path):
            ready.append(path)

    def _has_a_line(self, path: Path) -> bool:
        """Tell whether a file can be read and has more than one unfinished line."""
        try:
            with path.open("rb") as file:
                start = file.read(HEAD_BYTES)
        except FileNotFoundError:
            return False
        except OSError as error:
            self._tell(path, f"{path}: no se puede leer ({error.strerror or error})")
            return False
        self._tell(path, None)
        return b"\n" in start or len(start) == HEAD_BYTES or is_gzip(start)

    def _tell_missing(self, live: Path, is_there: bool) -> None:
        """Tell of a log that is missing for longer than a rotation takes."""
        if is_there:
            self._missing.discard(live)
            self._tell(live, None if "no está" in self._troubles.get(live, "") else self._troubles.get(live))
        elif live in self._missing:
            self._tell(live, f"{live}: no está; se espera a que aparezca")
        else:
            self._missing.add(live)

    def _tell(self, path: Path, trouble: str | None) -> None:
        """Tell of a trouble once, and once that it is over."""
        before = self._troubles.get(path)
        if trouble == before:
            return
        if trouble is None:
            del self._troubles[path]
            self.said.append(f"{path}: se lee otra vez")
        else:
            self._troubles[path] = trouble
            self.said.append(trouble)


def is_piece(name: str, live: str) -> bool:
    """Tell whether a name is that of a log or of one of its rotated pieces: ``.1``, ``.2.gz``, ``-20261001.gz``."""
    return re.fullmatch(re.escape(live) + r"([.-][0-9A-Za-z_-]+)*", name) is not None


def is_followed(path: Path, paths: Sequence[Path]) -> bool:
    """Tell whether a file is one of the followed logs or of their rotated pieces."""
    return any(
        path.parent == live.parent and is_piece(path.name, live.name)
        for each in paths
        for live in (each, each / LOG_NAME)
    )


@contextmanager
def follow_lock(settings: Settings) -> Iterator[None]:
    """Hold the one lock of who follows the logs of a store. Raises AnotherFollows."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    note = settings.data / ".watch-holder"
    lock = FileLock(settings.data / ".watch.lock", mode=0o600)
    with ExitStack() as held:
        try:
            held.enter_context(hold(lock, note, f"{now() + _OFFSET:%d/%m/%Y %H:%M:%S}"))
        except HeldByAnother as holder:
            raise AnotherFollows(
                f"Los registros de {settings.data} ya se siguen ({holder}): basta con uno. El sistema abierto "
                "(«callcenter serve») sigue los de CALLCENTER_WATCH por sí mismo."
            ) from None
        yield


def is_worker_there(settings: Settings) -> bool:
    """Tell whether a worker looks after the inbox of a store already."""
    lock = FileLock(settings.data / ".worker.lock", mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False
