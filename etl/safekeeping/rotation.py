"""Which backups of a folder are kept, and when the newest of them is too old.

In: a folder of backups, an instant in UTC. Out: there those that are kept, with the pieces that they name and no
others; the instant of the newest, and what users are told when it is missing or old.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from etl.safekeeping.manifest import PIECES, PREFIX, BackupError, Manifest, backups_in, read_manifest
from etl.settings import ZONE_OFFSET_SECONDS, Settings

DAYS, WEEKS, LONGEST = 14, 8, timedelta(days=60)
#: So many stay however old they seem: a clock that is wrong for one night takes none of them.
FEWEST = 14
#: A backup from further ahead than clocks differ was made while the clock was wrong: it says nothing of how new it is.
AHEAD = timedelta(minutes=5)
#: When the worker has missed its daily backup, and users are told.
STALE = timedelta(hours=26)
_OFFSET = timedelta(seconds=ZONE_OFFSET_SECONDS)


def rotate(destination: Path, now: datetime) -> tuple[str, ...]:
    """Drop the backups that are too old or too many, and the pieces that none names any more; return their names."""
    manifests: dict[Path, Manifest] = {}
    damaged: list[Path] = []
    for folder in backups_in(destination):
        try:
            manifests[folder] = read_manifest(folder)
        except BackupError:  # somebody should look at it: not counted, and dropped only for the day in its name
            damaged.append(folder)
    keep = kept([manifest.made_at for manifest in manifests.values()], now)
    dropped = [folder for folder, manifest in manifests.items() if manifest.made_at not in keep]
    dropped += [folder for folder in damaged if (made := named_instant(folder)) and now - made >= LONGEST]
    for folder in dropped:
        # The name goes first: what is half deleted is not to be taken for a backup.
        going = folder.rename(folder.with_name(f".{folder.name}"))
        shutil.rmtree(going, ignore_errors=True)
    if set(damaged) <= set(dropped):
        named = {
            sha256 for folder, manifest in manifests.items() if folder not in dropped for sha256 in manifest.pieces
        }
        _drop_pieces(destination / PIECES, named)
    return tuple(folder.name for folder in dropped)


def kept(made: Sequence[datetime], now: datetime) -> set[datetime]:
    """Return which are kept: the last of each of 14 days and 8 weeks, all of the last 24 hours.

    Of these none over 60 days, but for the newest 14.
    """
    newest_first = sorted(made, reverse=True)
    keep = {at for at in newest_first if now - at < timedelta(days=1)}
    days: dict[date, datetime] = {}
    weeks: dict[tuple[int, int], datetime] = {}
    for at in newest_first:
        day = (at + _OFFSET).date()
        days.setdefault(day, at)
        weeks.setdefault(day.isocalendar()[:2], at)
    keep |= {*list(days.values())[:DAYS], *list(weeks.values())[:WEEKS]}
    return {at for place, at in enumerate(sorted(keep, reverse=True)) if place < FEWEST or now - at < LONGEST}


def named_instant(folder: Path) -> datetime | None:
    """Return when (UTC) a backup was made by its name, None for another name."""
    with contextlib.suppress(ValueError):
        return datetime.strptime(folder.name, f"{PREFIX}%Y-%m-%d-%H%M%S") - _OFFSET
    return None


def damaged_backups(destination: Path) -> list[Path]:
    """Return the backups of a folder that are not whole: while they stay, so does every piece."""
    damaged = []
    for folder in backups_in(destination):
        try:
            read_manifest(folder)
        except BackupError:
            damaged.append(folder)
    return damaged


def _drop_pieces(raw: Path, named: set[str]) -> None:
    for path in raw.glob("??/*"):
        if path.name not in named:
            path.unlink(missing_ok=True)
    for folder in raw.glob("??"):
        with contextlib.suppress(OSError):  # not empty
            folder.rmdir()


def last_backup(settings: Settings, now: datetime) -> datetime | None:
    """Return when (UTC) the newest whole backup in the site's folder of backups was made, None where there is none.

    One from the future is none.
    """
    if settings.backup is None:
        return None
    for folder in reversed(backups_in(settings.backup)):
        with contextlib.suppress(BackupError):
            made_at = read_manifest(folder).made_at
            if made_at <= now + AHEAD:
                return made_at
    return None


def backup_warning(settings: Settings, now: datetime) -> str | None:
    """Return what users are told when the newest backup is older than 26 hours or there is none, None otherwise."""
    last = last_backup(settings, now)
    if last is not None and now - last <= STALE:
        return None
    return "Sin respaldo" if last is None else f"Sin respaldo desde {last + _OFFSET:%d/%m/%Y %H:%M}"
