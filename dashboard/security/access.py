"""Who may what: access.csv, one row per page, callback, export and right, one column per role.

In: the table. Out: yes or no. Whatever has no row is nobody's, and an app with a callback without a row does not start.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dashboard.people.accounts import Role
from dashboard.security.values import kind_of

_TABLE = Path(__file__).parents[1] / "access.csv"
PAGE, CALLBACK, EXPORT, RIGHT = "page", "callback", "export", "right"
#: What a cell may say: may, or not at all.
_CELLS = {"x": True, "": False}


class AccessError(Exception):
    """The table and the app do not agree: somebody would see what nobody decided."""


@dataclass(frozen=True)
class Access:
    """The table: for a kind and a name, the roles that may."""

    rows: Mapping[tuple[str, str], frozenset[Role]]

    def may(self, role: Role, kind: str, name: str) -> bool:
        """Tell whether a role may; nobody may what has no row."""
        return role in self.rows.get((kind, name), frozenset())

    def names(self, kind: str) -> tuple[str, ...]:
        """Return the names of a kind, in the table's order."""
        return tuple(name for own, name in self.rows if own == kind)

    def kind_of_callback(self, name: str) -> str | None:
        """Return what a callback is: a callback, or an export; None for one without a row."""
        return next((kind for kind in (CALLBACK, EXPORT) if (kind, name) in self.rows), None)


def read_access(text: str) -> Access:
    """Read the table. AccessError for another head, an unknown kind or cell, or two rows of one name."""
    reader = csv.DictReader(text.splitlines())
    if reader.fieldnames != ["kind", "name", *Role]:
        raise AccessError(f"the columns are {reader.fieldnames}")
    rows: dict[tuple[str, str], frozenset[Role]] = {}
    for row in reader:
        key = (row["kind"], row["name"])
        if key[0] not in (PAGE, CALLBACK, EXPORT, RIGHT) or key in rows:
            raise AccessError(f"row {reader.line_num}: unknown kind, or a second row of {key}")
        try:
            rows[key] = frozenset(role for role in Role if _CELLS[row[role]])
        except KeyError:
            raise AccessError(f"row {reader.line_num}: a cell is x or empty") from None
    return Access(rows)


@cache
def access() -> Access:
    """Return the table as it is in force."""
    return read_access(_TABLE.read_text(encoding="utf-8"))


def may(role: Role, kind: str, name: str) -> bool:
    """Tell whether a role may, by the table in force."""
    return access().may(role, kind, name)


def callback_name(output: str, declared: Mapping[str, Any]) -> str:
    """Return what the table calls a callback: its output, and where several write it, the first input too."""
    name, at, _ = output.partition("@")
    if not at:
        return name
    first = declared["inputs"][0]
    return f"{name}@{first['id']}.{first['property']}"


def require_rows(table: Access, callbacks: Iterable[tuple[str, Mapping[str, Any]]], paths: Iterable[str]) -> None:
    """Refuse an app that has a page or callback without a row, or a table with a row of none. AccessError.

    Nor does an app start whose callbacks take what security.values does not know: they would answer 400.
    """
    found = {(PAGE, path) for path in paths}
    unknown = set()
    for output, declared in callbacks:
        if "callback" in declared:  # the others run in the browser and ask for nothing
            name = callback_name(output, declared)
            found.add((table.kind_of_callback(name) or CALLBACK, name))
            taken = [(each["id"], each["property"]) for each in (*declared["inputs"], *declared["state"])]
            unknown |= {f"{own}.{prop}" for own, prop in taken if kind_of(own, prop) is None}
    if unknown:
        raise AccessError(f"security/values.py does not say what these hold: {', '.join(sorted(unknown))}")
    listed = {key for key in table.rows if key[0] != RIGHT}
    if missing := found - listed:
        raise AccessError(f"no row in access.csv for {', '.join(' '.join(key) for key in sorted(missing))}")
    if left := listed - found:
        raise AccessError(f"access.csv has rows of nothing: {', '.join(' '.join(key) for key in sorted(left))}")
