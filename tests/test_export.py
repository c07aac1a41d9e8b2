"""A downloaded table opens in a spreadsheet in Spanish with the values the page shows."""

import csv
from datetime import date, datetime
from decimal import Decimal
from io import StringIO

import pandas as pd
import pytest

from reports.export import csv_bytes


def read_back(content: bytes) -> list[list[str]]:
    assert content.startswith(b"\xef\xbb\xbf"), "without its mark Excel takes UTF-8 for something else"
    return list(csv.reader(StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("Facturación", "Facturación"),
        ("dos; tres", "dos; tres"),
        ('con "comillas"\ny salto', 'con "comillas"\ny salto'),
        (1234567, "1234567"),
        (0.7600494, "0,7600494"),
        (Decimal("0.80"), "0,80"),
        (date(2026, 10, 5), "05/10/2026"),
        (datetime(2026, 10, 5, 8, 9, 10), "05/10/2026 08:09:10"),
        (pd.Timestamp("2026-10-05 08:09:10"), "05/10/2026 08:09:10"),
        (None, ""),
        (float("nan"), ""),
        (pd.NA, ""),
        (pd.NaT, ""),
        ("=1+1", "'=1+1"),
        ("@cola", "'@cola"),
        ("-3", "'-3"),
        (-3, "-3"),
    ],
)
def test_a_cell_is_written_as_a_spreadsheet_in_spanish_reads_it(value: object, written: str) -> None:
    assert read_back(csv_bytes(["x"], [[value]])) == [["x"], [written]]


def test_a_table_without_rows_keeps_its_headings() -> None:
    assert csv_bytes(["Línea", "Registradas"], []).decode("utf-8-sig") == "Línea;Registradas\r\n"
