"""What the properties that a callback takes may hold: no browser of ours sends anything else, whatever a body says.

In: a property by its component and name, a value out of JSON. Out: whether it is of its kind. Pages may rely on that;
what a value means, they judge themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from dashboard import filters
from dashboard.filters import FilterError
from reports.definition import PeriodError

Kind = Callable[[Any], bool]
#: JavaScript counts no further, and no database takes more.
_MOST = 2**53
_DEEPEST = 60


def _text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _number(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _address(value: Any) -> bool:
    """The query of an address as filters write it, noted by a page that showed it."""
    if not isinstance(value, str):
        return value is None
    try:
        filters.read(value, today=date(filters.YEARS[0], 1, 2))  # whichever day: it is written out
    except (FilterError, PeriodError):
        return False
    return True


def _yes(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _field(value: Any) -> bool:
    return _text(value) or _number(value) or isinstance(value, float)


def _texts(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(each, str) for each in value))


def _numbers(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(each is not None and _number(each) for each in value))


def _anything(_value: Any) -> bool:
    """Parts of a page: who looks into them reads nothing but texts."""
    return True


def _with(**kinds: Kind) -> Kind:
    """Something noted under these names, or nothing yet."""

    def is_that(value: Any) -> bool:
        if value is None:
            return True
        return isinstance(value, dict) and set(value) == set(kinds) and all(kinds[name](value[name]) for name in kinds)

    return is_that


def _some_of(**kinds: Kind) -> Kind:
    """The same, of which some may be missing."""

    def is_that(value: Any) -> bool:
        if value is None:
            return True
        return isinstance(value, dict) and all(name in kinds and kinds[name](value[name]) for name in value)

    return is_that


def _keys(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, list) and _texts(each) for each in value)


def _click(value: Any) -> bool:
    """A cell of a chart: what stands on its two axes."""
    if value is None:
        return True
    points = value.get("points") if isinstance(value, dict) else None
    return isinstance(points, list) and len(points) > 0 and all(
        isinstance(each, dict) and isinstance(each.get("x"), str) and isinstance(each.get("y"), str) for each in points
    )  # fmt: skip


def _cell(value: Any) -> bool:
    """A button in a table: of which column and row."""
    return value is None or (isinstance(value, dict) and _text(value.get("colId")) and _field(value.get("value")))


_PART = _some_of(digest=_text, version=_text, keys=_keys)
#: By property; what one component holds otherwise stands in _OWN.
_KINDS: Mapping[str, Kind] = {
    "n_clicks": _number,
    "n_intervals": _number,
    "pathname": _text,
    "search": _text,
    "value": _field,
    "contents": _text,
    "filename": _text,
    "children": _anything,
    "clickData": _click,
    "cellRendererData": _cell,
}
#: Pages that show a question (dashboard.question_page), by the beginning of their ids.
_QUESTION_PAGES = ("abandoned", "before", "bridge", "operators", "quality", "sl")
_OF_QUESTIONS: Mapping[str, Kind] = {
    "preset.value": _text,
    "month.value": _text,
    "first.value": _text,
    "last.value": _text,
    "lines.value": _texts,
    "unit.value": _text,
    "threshold.value": _number,
    "shown.data": _with(search=_text, scheme=_text, generation=_number, address=_address),
}
_OWN: Mapping[str, Kind] = {
    **{f"{page}-{name}": kind for page in _QUESTION_PAGES for name, kind in _OF_QUESTIONS.items()},
    "accounts-changed.data": _text,
    "audit-shown.data": _with(search=_text, generation=_number),
    "calls-shown.data": _with(search=_text, generation=_number),
    "exports-acted.data": _number,
    "exports-asked.data": _numbers,
    "exports-pressed.data": _number,
    "loads-shown.data": _some_of(worker=_text, waiting=_text, jobs=_text, history=_text, under_way=_yes),
    "month-choice.value": _text,
    "month-shown.data": _with(search=_text, generation=_number, month=_text),
    "own-changed.data": _text,
    "scheme.data": _text,
    "setup-asked.data": _number,
    "setup-shown.data": _some_of(queues=_PART, agents=_PART, change=_number),
    "setup-turn.data": _with(what=_text, job=_number),
    "setup-wrong-agents.data": _numbers,
    "setup-wrong-queues.data": _numbers,
    "upload-first.value": _text,
    "upload-last.value": _text,
    "upload-queue.value": _text,
}


def kind_of(component: str, name: str) -> Kind | None:
    """Return what a property holds, None where nobody has said so."""
    return _OWN.get(f"{component}.{name}") or _KINDS.get(name)


def is_sound(value: Any, depth: int = 0) -> bool:
    """Tell whether a value is such as a browser writes: texts that are text, numbers that are some, no deep nesting."""
    match value:
        case None | bool():
            return True
        case str():
            return value.isascii() or _is_text(value)
        case int():
            return -_MOST <= value <= _MOST
        case float():
            return math.isfinite(value)
        case list():
            return depth < _DEEPEST and all(is_sound(each, depth + 1) for each in value)
        case dict():
            return depth < _DEEPEST and all(
                is_sound(name) and is_sound(each, depth + 1) for name, each in value.items()
            )
    return False


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a pair
        return False
    return True
