"""Cells of exported reports to values: text in, a number or a day out; ValueError where it is none.

Each unit is read as the declaration of its report says, never guessed from the cell.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from html import unescape

from etl.schema import ExportUnit

#: Three noughts behind a point may be those of a thousand: 12.000 is no count that can be told.
_COUNT = re.compile(r"[+]?(\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.0{1,2})?", re.ASCII)
_SECONDS = re.compile(r"(\d{1,3}(?:,\d{3})+|\d{1,12})(\.\d{1,6})?", re.ASCII)
_MINUTES = re.compile(r"(\d{1,9}):([0-5]\d)", re.ASCII)
_CLOCK = re.compile(r"(\d{1,6}):([0-5]?\d):([0-5]\d)", re.ASCII)
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[ T]\d{2}:\d{2}(?::\d{2})?)?", re.ASCII)
_WORDS = re.compile(r"[^a-z0-9%<>+{}]+", re.ASCII)
#: What a report writes after a number.
_AFTER = {
    ExportUnit.COUNT: ("llamadas", "llamada", "calls", "call"),
    ExportUnit.SECONDS: ("segs", "seg", "secs", "sec", "s"),
    ExportUnit.MINUTES: ("min",),
    ExportUnit.CLOCK: (),
}


def plain(text: str) -> str:
    """Return a title as it is compared: without accents, entities, capitals and punctuation."""
    text = unicodedata.normalize("NFKD", unescape(text)).encode("ascii", "ignore").decode()
    return " ".join(_WORDS.sub(" ", text.casefold()).split())


def amount(text: str, unit: ExportUnit) -> float | None:
    """Return a count or a number of seconds, None of an empty cell. ValueError."""
    text = " ".join(text.split())
    if not text:
        return None
    for word in _AFTER[unit]:
        if text.casefold().endswith(f" {word}"):
            text = text[: -len(word)].strip()
            break
    if unit is ExportUnit.COUNT:
        return _number(_COUNT.fullmatch(text))
    if (told := _SECONDS.fullmatch(text)) is not None:
        if unit is not ExportUnit.SECONDS and told[2] is not None:
            raise ValueError(text)
        return float(told[1].replace(",", "") + (told[2] or ""))
    if unit is ExportUnit.MINUTES:
        if (found := _MINUTES.fullmatch(text)) is not None:
            return float(int(found[1]) * 60 + int(found[2]))
        # A spreadsheet reads minutes and seconds as hours and minutes, and writes seconds of its own: zero.
        if (found := _CLOCK.fullmatch(text)) is not None and found[3] == "00":
            return float(int(found[1]) * 60 + int(found[2]))
    if unit is ExportUnit.CLOCK and (found := _CLOCK.fullmatch(text)) is not None:
        return float(int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3]))
    raise ValueError(text)


def _number(found: re.Match[str] | None) -> float:
    if found is None:
        raise ValueError
    return float(found[1].replace(",", ""))


def day(text: str) -> date:
    """Return the day of an ISO date, with or without a time. ValueError."""
    found = _DAY.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    told = date(int(found[1]), int(found[2]), int(found[3]))
    if not 1990 <= told.year <= 2100:
        raise ValueError(text)
    return told


def hour(text: str) -> int:
    """Return an hour of the day, 0 to 23: ``8``, ``08`` or ``08:00``. ValueError."""
    found = re.fullmatch(r"(\d{1,2})(?::00)?(?::00)?(?: hs)?", text.strip(), re.ASCII)
    if found is None or int(found[1]) > 23:
        raise ValueError(text)
    return int(found[1])


def queue_names(text: str) -> tuple[str, ...]:
    """Return the queues that a page says it is of: ``'101','102'``; nothing where it is of all."""
    names = [name.strip().strip("'\"").strip() for name in text.split(",")]
    names = [name for name in names if name and name.upper() != "NONE"]
    return () if any(plain(name) in ("all", "todas", "todos") for name in names) else tuple(dict.fromkeys(names))
