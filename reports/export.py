"""What a table shows, as a file that a spreadsheet in Spanish opens at once.

In: headings and rows of values. Out: CSV as bytes: UTF-8 with its mark, semicolons, decimal comma, dates dd/mm/yyyy.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

import pandas as pd

#: A cell that begins with one of these would be run as a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_bytes(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return a table as CSV. Numbers at full precision without grouping, blanks for what is missing."""
    text = StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(headings)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8")


def _cell(value: Any) -> str:
    match value:
        case str():
            return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
        case None:
            return ""
        case datetime():
            return "" if pd.isna(value) else f"{value:%d/%m/%Y %H:%M:%S}"
        case date():
            return f"{value:%d/%m/%Y}"
    if pd.isna(value):
        return ""
    match value:
        case float() | Decimal():
            return str(value).replace(".", ",")
        case _:
            return str(value)
