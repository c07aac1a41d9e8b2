"""The monthly book on paper, as LibreOffice prints it: a page a sheet, nothing cut, no column too narrow."""

import re
import subprocess
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from io import BytesIO

import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell

from reports import terms
from reports.format import duration_text
from reports.workbook.sheets import SHEETS
from tests.drawn_month import drawn_book, drawn_store

pytestmark = pytest.mark.office


@pytest.fixture(scope="module")
def content() -> bytes:
    """The drawn month as of a demo store."""
    with drawn_store() as store:
        return drawn_book(store, demo=True).content


@pytest.fixture(scope="module")
def book(content: bytes) -> Workbook:
    return load_workbook(BytesIO(content))


@pytest.fixture(scope="module")
def pages(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The text of each page, laid out as on paper."""
    folder = tmp_path_factory.mktemp("printed")
    (folder / "book.xlsx").write_bytes(content)
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    converted = ["soffice", profile, "--headless", "--convert-to", "pdf", "--outdir", folder, folder / "book.xlsx"]
    subprocess.run(converted, check=True, capture_output=True, timeout=120)
    found = subprocess.run(["pdftotext", "-layout", folder / "book.pdf", "-"], check=True, capture_output=True)
    yield found.stdout.decode().split("\f")[:-1]


def printed(cell: Cell) -> list[str]:
    """The words of a cell; of a number its digits alone, for its separators are those of the reader's language."""
    match cell.value:
        case None:
            return []
        case str() as text:
            return text.split()
        case timedelta() as duration:
            return [duration_text(Decimal(str(duration.total_seconds())))]
        case datetime() as day:
            return [f"{day:%d/%m/%Y}"]
        case time() as start:
            return [f"{start:%H:%M}"]
        case float() | int() as number if cell.number_format.endswith("%"):
            return [str((1000 * Decimal(str(number))).quantize(Decimal(1), ROUND_HALF_UP)).zfill(2)]
    return [str(cell.value)]


def test_each_sheet_is_a_page_but_the_definitions(pages: list[str]) -> None:
    assert len(SHEETS) <= len(pages) <= len(SHEETS) + 2
    for number, text in enumerate(pages, start=1):
        assert f"Página {number} de {len(pages)}" in text
        assert terms.DEMO_DATA in text
        assert "COMTECO R.L. · Call Center" in text
    assert all(word in pages[0] for word in ("Elaborado por", "Revisado por", "Vº Bº"))


def test_every_word_and_every_number_of_a_sheet_is_on_its_page(book: Workbook, pages: list[str]) -> None:
    """A narrow column would print ### for a number and half a word for a text."""
    assert "###" not in "".join(pages)
    one_each = len(SHEETS) - 1
    for sheet, page in zip(book.worksheets, [*pages[:one_each], " ".join(pages[one_each:])], strict=True):
        shown = set(page.split()) | {re.sub("[.,]", "", word) for word in page.split()}
        cells = [cell for row in sheet.iter_rows() for cell in row if isinstance(cell, Cell)]
        missing = {word for cell in cells for word in printed(cell)} - shown
        assert not missing, (sheet.title, sorted(missing))
