"""How each dimension is computed in SQL, read from a user's text, written and put in order.

In: nothing. Out: AXES, one per dimension.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from reports import terms
from reports.definition import Dimension, month
from reports.indicators import TRANSFERRED

Key = str | int | date


@dataclass(frozen=True)
class Axis:
    """How a dimension is computed in SQL ({date}, {hour}, {half_hour}), read from a user's text, written, and ordered.

    Grouping goes by small keys, so that text is made for the groups and not for every row. `population` narrows the
    rows to those the dimension exists for. `example` shows a user how a value is written.
    """

    key: str
    read: Callable[[str], Key]
    write: Callable[[Any], str]
    example: str
    rank: Callable[[Any], Any] = lambda key: key
    population: str = ""


def _matched(pattern: str) -> Callable[[str], re.Match[str]]:
    """Return a reader that raises ValueError for a text that does not match whole."""

    def read(text: str) -> re.Match[str]:
        if not (match := re.fullmatch(pattern, text)):
            raise ValueError(text)
        return match

    return read


def _read_month(text: str) -> int:
    first = month(text).first
    return first.year * 100 + first.month


def _read_day(text: str) -> date:
    return date.fromisoformat(_matched(r"\d{4}-\d\d-\d\d")(text)[0])


def _read_interval(text: str) -> int:
    match = _matched(r"([01]\d|2[0-3]):([03])0")(text)
    return int(match[1]) * 2 + (match[2] == "3")


def _read_cause(text: str) -> str:
    codes = {**{label: code for code, label in terms.CAUSES.items()}, **{code: code for code in terms.CAUSES}}
    if text not in codes:
        raise ValueError(text)
    return codes[text]


def _place_in(order: Iterable[str], last: str) -> Callable[[str], tuple[int, str]]:
    """Return a sort key: the order given, then the rest by text, then `last`."""
    places = {key: place for place, key in enumerate(order)}
    return lambda key: (len(places) + 1 if key == last else places.get(key, len(places)), key)


AXES = {
    Dimension.MONTH: Axis(
        "EXTRACT(YEAR FROM {date}) * 100 + EXTRACT(MONTH FROM {date})",
        _read_month,
        lambda key: f"{key // 100:04}-{key % 100:02}",
        "2026-10",
    ),
    Dimension.DAY: Axis("{date}", _read_day, lambda key: f"{key:%Y-%m-%d}", "2026-10-31"),
    Dimension.WEEKDAY: Axis(
        "EXTRACT(ISODOW FROM {date})", lambda text: int(_matched("[1-7]")(text)[0]), str, "1 (lunes) a 7 (domingo)"
    ),
    Dimension.HOUR: Axis(
        "{hour}",
        lambda text: int(_matched(r"[01]\d|2[0-3]")(text)[0]),
        lambda key: f"{key:02}",
        "08",
    ),
    Dimension.INTERVAL: Axis(
        "{half_hour}",
        _read_interval,
        lambda key: f"{key // 2:02}:{key % 2 * 30:02}",
        "08:30",
    ),
    Dimension.SERVICE: Axis(
        "COALESCE(service, '')",
        lambda text: "" if text == terms.NO_LINE else text,
        lambda key: key or terms.NO_LINE,
        "101",
        rank=_place_in(terms.LINES, last=""),
    ),
    Dimension.QUEUE: Axis("queue", str, str, "5003"),
    Dimension.AGENT: Axis(
        "COALESCE(person, agent, '')",  # a person works under several interfaces
        lambda text: "" if text == terms.NO_AGENT else text,
        lambda key: key or terms.NO_AGENT,
        "SIP/201",
        rank=_place_in((), last=""),
        population="answered",
    ),
    Dimension.CAUSE: Axis(
        "COALESCE(cause, 'unknown')",
        _read_cause,
        lambda key: terms.CAUSES.get(key, key),
        ", ".join(terms.CAUSES.values()),
        rank=_place_in(terms.CAUSES, last="unknown"),
        population="NOT answered",
    ),
    Dimension.OUTCOME: Axis(
        "CASE WHEN answered THEN 0 ELSE 1 END",
        lambda text: tuple(terms.OUTCOMES.values()).index(text),
        lambda key: tuple(terms.OUTCOMES.values())[key],
        ", ".join(terms.OUTCOMES.values()),
    ),
    Dimension.WAIT_CLASS: Axis(
        "CASE WHEN wait_seconds IS NULL THEN 8 WHEN wait_seconds <= 0 THEN 0 WHEN wait_seconds <= 10 THEN 1 "
        "WHEN wait_seconds <= 20 THEN 2 WHEN wait_seconds <= 30 THEN 3 WHEN wait_seconds <= 60 THEN 4 "
        "WHEN wait_seconds <= 120 THEN 5 WHEN wait_seconds <= 300 THEN 6 ELSE 7 END",
        terms.WAIT_CLASSES.index,
        lambda key: terms.WAIT_CLASSES[key],
        ", ".join(terms.WAIT_CLASSES),
    ),
    Dimension.REASON: Axis(
        "COALESCE(reason, '')",
        lambda text: "" if text == terms.NO_REASON else text,
        lambda key: key or terms.NO_REASON,
        "Refrigerio",
        rank=_place_in((), last=""),
        population="paused_seconds > 0",
    ),
    Dimension.DID: Axis(
        "COALESCE(did, '')",
        lambda text: "" if text == terms.NO_DID else text,
        lambda key: key or terms.NO_DID,
        "44200400",
        rank=_place_in((), last=""),
    ),
    Dimension.POSITION: Axis(
        "CASE WHEN position IS NULL THEN 6 WHEN position <= 3 THEN position - 1 WHEN position <= 5 THEN 3 "
        "WHEN position <= 10 THEN 4 ELSE 5 END",
        terms.POSITIONS.index,
        lambda key: terms.POSITIONS[key],
        ", ".join(terms.POSITIONS),
    ),
    Dimension.TRANSFER: Axis(
        "COALESCE(transferred_to, '')",
        lambda text: "" if text == terms.NO_TARGET_LOGGED else text,
        lambda key: key or terms.NO_TARGET_LOGGED,
        "310",
        rank=_place_in((), last=""),
        population=TRANSFERRED,
    ),
    Dimension.TRANSFER_KIND: Axis(
        "COALESCE(transfer_kind, '')",
        lambda text: tuple(terms.TRANSFER_KINDS)[tuple(terms.TRANSFER_KINDS.values()).index(text)],
        lambda key: terms.TRANSFER_KINDS[key],
        ", ".join(terms.TRANSFER_KINDS.values()),
        rank=_place_in(terms.TRANSFER_KINDS, last=""),
        population=TRANSFERRED,
    ),
}
