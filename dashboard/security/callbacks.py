"""What the request of a callback must be, told before anything of it runs.

In: the body of a request and the app's callbacks. Out: which callback it asks for, or why it is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dash import ctx

from dashboard.security.access import callback_name
from dashboard.security.values import is_sound, kind_of


class NotACallback(Exception):
    """The body asks for nothing that the app answers."""


@dataclass(frozen=True)
class Called:
    """A callback that a body asks for, by its name in access.csv, and whether something was pressed or typed for it.

    What a page brings along asks once by itself, with nothing pressed.
    """

    name: str
    pressed: bool


def called(body: bytes, callbacks: Mapping[str, Mapping[str, Any]]) -> Called:
    """Return the callback that a body asks for. NotACallback.

    Its outputs, inputs and states must be those that the app declares, and hold what those can: Dash itself answers
    500 to most others, and no page should have to ask.
    """
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotACallback("no JSON") from error
    if not isinstance(asked, dict) or not isinstance(asked.get("output"), str):
        raise NotACallback("no output")
    declared = callbacks.get(asked["output"])
    if declared is None or "callback" not in declared:
        raise NotACallback("unknown output")
    changed = asked.get("changedPropIds", [])
    if not isinstance(changed, list) or not all(isinstance(each, str) for each in changed):
        raise NotACallback("changed properties are names")
    for part, wanted in (("inputs", declared["inputs"]), ("state", declared["state"])):
        given = asked.get(part, [])
        if not isinstance(given, list) or len(given) != len(wanted):
            raise NotACallback(f"{part} are not those declared")
        for each, one in zip(given, wanted, strict=True):
            if not _is_of(each, one):
                raise NotACallback(f"{part} are not those declared")
            if not _holds(each, one):
                raise NotACallback(f"{part} hold what they cannot: {one['id']}.{one['property']}")
    if not _are_outputs(asked.get("outputs"), asked["output"]):
        raise NotACallback("outputs are not those declared")
    inputs = [each for given in asked["inputs"] for each in (given if isinstance(given, list) else [given])]
    return Called(callback_name(asked["output"], declared), any(each.get("value") for each in inputs))


def answer_with(status: int) -> None:
    """Let the callback that runs answer with a status; the page shows its words all the same."""
    ctx.response.set_header("X-Said", "page")
    ctx.response.callback_response.status_code = status


def _is_of(given: Any, wanted: Mapping[str, Any]) -> bool:
    """Tell whether a given property is the one declared, or a list of those that match its pattern."""
    pattern = _pattern(wanted["id"])
    if pattern is None:
        return _is_property(given) and given["id"] == wanted["id"] and given["property"] == wanted["property"]
    many = any(value == ["ALL"] or value == ["ALLSMALLER"] for value in pattern.values())
    listed = given if many else [given]
    return isinstance(listed, list) and all(
        _is_property(each) and isinstance(each["id"], dict) and set(each["id"]) == set(pattern)
        and all(isinstance(value, str | int | float | bool) for value in each["id"].values())
        and all(isinstance(value, list) or each["id"][key] == value for key, value in pattern.items())
        and each["property"] == wanted["property"]
        for each in listed
    )  # fmt: skip


def _holds(given: Any, wanted: Mapping[str, Any]) -> bool:
    """Tell whether a given property, or each of a list, holds what it can."""
    kind = kind_of(wanted["id"], wanted["property"])
    listed = given if isinstance(given, list) else [given]
    return kind is not None and all(
        kind(each.get("value")) and is_sound(each.get("value")) and is_sound(each["id"]) for each in listed
    )


def _are_outputs(given: Any, output: str) -> bool:
    """Tell whether the outputs are those that the callback's own name lists."""
    names = output.strip(".").split("...") if output.startswith("..") else [output]
    listed = given if output.startswith("..") else [given]
    if not isinstance(listed, list) or len(listed) != len(names):
        return False
    for each, name in zip(listed, names, strict=True):
        own, _, prop = name.partition("@")[0].rpartition(".")
        if _pattern(own) is not None:
            if not _is_of(each, {"id": own, "property": prop}):
                return False
        elif not _is_property(each) or each["id"] != own or each["property"].partition("@")[0] != prop:
            return False
    return True


def _is_property(given: Any) -> bool:
    if not isinstance(given, dict):
        return False
    return isinstance(given.get("property"), str) and isinstance(given.get("id"), str | dict)


def _pattern(declared: str) -> dict[str, Any] | None:
    """Return the parts of an id that is a pattern, None for a plain name."""
    if not declared.startswith("{"):
        return None
    parts = json.loads(declared)
    return parts if isinstance(parts, dict) else None
