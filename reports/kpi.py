"""The figures of the command `kpi` as text.

In: a frame of reports.query. Out: a table for people, CSV or JSON for programs.
"""

from __future__ import annotations

import csv
import json
from io import StringIO

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from reports import terms
from reports.definition import Dimension, Kind, Unit
from reports.format import dimension_text, number_text, value_text
from reports.indicators import BY_NAME

FORMATS = ("table", "csv", "json")
NUMBERS = ("numerator", "denominator", "value")
Cell = str | int | float | None


def render(frame: pd.DataFrame, format: str = "table") -> str:
    """Return a frame of `measure` as text ending in a line break. ValueError for another format than FORMATS.

    CSV and JSON have the columns of the frame, ISO dates, decimal points at full precision and blanks (JSON: null)
    where there is no value; the dimensions of a total are blank.
    """
    match format:
        case "table":
            return _table(frame)
        case "csv":
            text = StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(frame.columns)
            writer.writerows([["" if cell is None else cell for cell in row] for row in _rows(frame)])
            return text.getvalue()
        case "json":
            records = [dict(zip(frame.columns, row, strict=True)) for row in _rows(frame)]
            return json.dumps(records, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    raise ValueError(f"No existe el formato «{format}»; hay {', '.join(FORMATS)}")


def _rows(frame: pd.DataFrame) -> list[list[Cell]]:
    """Return plain cells: text, whole numbers for counts and maxima, floats for what was divided, None for a blank."""
    rows = []
    for row in frame.itertuples(index=False, name=None):
        name, *dims, numerator, denominator, value = (None if pd.isna(cell) else cell for cell in row)
        whole = BY_NAME[str(name)].kind in (Kind.COUNT, Kind.MAXIMUM)
        numbers = [None if cell is None else int(cell) for cell in (numerator, denominator)]
        rows.append([name, *dims, *numbers, None if value is None else int(value) if whole else float(value)])
    return rows


def _table(frame: pd.DataFrame) -> str:
    """Return the figures under Spanish headings, numbers to the right, with the unit they are counted in."""
    dims = [Dimension(name) for name in frame.columns if name not in ("indicator", *NUMBERS)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(terms.INDICATOR, no_wrap=True)
    for dimension in dims:
        table.add_column(terms.DIMENSIONS[dimension].capitalize(), no_wrap=True)
    for heading in (terms.NUMERATOR, terms.DENOMINATOR, terms.VALUE):
        table.add_column(heading, justify="right", no_wrap=True)
    units = frame.attrs.get("units", {})
    # Operators' time is counted in no unit of calls.
    several = len({units.get(name, "") for name in frame["indicator"]}) > 1
    if several:
        table.add_column(terms.COUNTED_IN, no_wrap=True)
    for name, *rest in _rows(frame):
        indicator = BY_NAME[str(name)]
        texts = [
            terms.TOTAL if text is None else dimension_text(dimension, str(text))
            for dimension, text in zip(dims, rest, strict=False)
        ]
        numerator, denominator, value = (None if cell is None else float(cell) for cell in rest[len(dims) :])
        cells = [indicator.label, *texts, number_text(numerator), number_text(denominator)]
        cells.append(value_text(value, indicator.value_unit))
        table.add_row(*cells, *([terms.UNITS[Unit(units[name])] if name in units else ""] if several else []))
    text = StringIO()
    console = Console(file=text, width=1000, color_system=None, force_terminal=False, markup=False, emoji=False)
    console.print(table)
    if units and not several:
        console.print(f"{terms.COUNTED_IN}: {terms.UNITS[Unit(next(iter(units.values())))]}")
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()).strip("\n") + "\n"
