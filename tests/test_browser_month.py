"""The month's page in Chromium: a sample through the real load, then what a chief sees and does."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser, BrowserContext, Page, expect

from etl.settings import Settings
from etl.warehouse import open_generation
from reports import query
from reports.definition import month
from reports.format import number_text, percent_text
from reports.rules import Rules
from tests.served import Served
from tests.test_export import read_back
from tests.watched import cut_at_any_width, serious_in_all_looks, watched

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def shown(browser: Browser, browser_context_args: dict[str, Any], address: Served) -> Iterator[Page]:
    """One tab on the page, filled, for the tests that only look; its session is its own."""
    with browser.new_context(**browser_context_args) as own, watched(own, address) as page:
        page.goto(address + "/")
        expect(page.locator(".ag-row").first).to_be_visible()
        yield page


@pytest.fixture
def tab(window: BrowserContext, address: Served) -> Iterator[Page]:
    """A tab on the page, filled."""
    with watched(window, address) as page:
        page.goto(address + "/")
        expect(page.locator(".ag-row").first).to_be_visible()
        yield page


def measured(sample: Settings, text: str) -> tuple[str, str, str]:
    """The service level of a month and its two sides, as the query gives them."""
    _, connection = open_generation(sample.warehouse)
    try:
        row = query.measure(connection, Rules.default(), ["service_level"], month(text)).iloc[0]
    finally:
        connection.close()
    return percent_text(row["value"]), number_text(row["numerator"]), number_text(row["denominator"])


def column(tab: Page, field: str) -> list[str]:
    """The texts of a column of the table from above, the total left out."""
    rows = tab.locator("#month-lines .ag-center-cols-container .ag-row")
    order = {int(row.get_attribute("row-index") or 0): row for row in rows.all()}
    return [order[at].locator(f"[col-id={field}]").inner_text() for at in sorted(order)]


def test_the_big_figure_is_what_the_query_measures(shown: Page, sample: Settings) -> None:
    tab = shown
    value, in_time, registered = measured(sample, "2026-10")
    expect(tab.get_by_role("heading", level=1)).to_have_text("Octubre de 2026")
    expect(tab).to_have_title("Octubre de 2026 · Call Center COMTECO")
    expect(tab.locator("#month-service-level")).to_have_text(value)
    headline = tab.locator(".headline")
    expect(headline).to_contain_text(f"{in_time} llamadas atendidas a tiempo")
    expect(headline).to_contain_text(f"de {registered} llamadas registradas")
    expect(headline.locator(".status")).to_have_text("No cumple")
    expect(tab.locator(".on-record")).to_contain_text("31 de 31 días, 11 de 12 líneas")
    expect(tab.locator(".demo")).to_have_count(0)


def test_a_click_on_a_heading_sorts_the_table_blanks_last(tab: Page) -> None:
    written = column(tab, "registered")
    assert written[10] == "sin registro"
    numbers = sorted(int(text.replace(".", "")) for text in written if text[0].isdigit())
    heading = tab.locator(".ag-header-cell[col-id=registered]")
    heading.click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    assert column(tab, "registered") == [*map(number_text, numbers), "sin registro"]
    heading.click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    assert column(tab, "registered") == [*map(number_text, reversed(numbers)), "sin registro"]
    expect(tab.locator(".ag-floating-bottom .ag-pinned-left-floating-bottom")).to_have_text("Total")


def test_another_month_changes_address_figure_and_title_and_back_returns(tab: Page, sample: Settings) -> None:
    before, now = measured(sample, "2026-09")[0], measured(sample, "2026-10")[0]
    assert before != now
    tab.locator("#month-choice").click()
    tab.get_by_role("option", name="Septiembre de 2026").click()
    expect(tab.locator("#month-service-level")).to_have_text(before)
    expect(tab).to_have_url(re.compile(r"/\?mes=2026-09$"))
    expect(tab).to_have_title("Septiembre de 2026 · Call Center COMTECO")
    tab.go_back()
    expect(tab.locator("#month-service-level")).to_have_text(now)
    expect(tab).to_have_url(re.compile(r"/$"))
    tab.get_by_role("link", name="Mes anterior: septiembre de 2026").click()
    expect(tab.locator("#month-service-level")).to_have_text(before)
    tab.reload()
    expect(tab.locator("#month-service-level")).to_have_text(before)


def test_definition_denominator_and_clause_are_one_click_away(tab: Page) -> None:
    tab.get_by_role("button", name="Cómo se cuenta: Nivel de servicio, octubre de 2026").click()
    opened = tab.get_by_role("dialog")
    expect(opened).to_contain_text("Manual COM-DSO-P01, II.2")
    expect(opened).to_contain_text("llamadas registradas")
    tab.keyboard.press("Escape")
    expect(opened).to_have_count(0)
    tab.get_by_role("button", name="Qué no incluyen las registradas").click()
    expect(tab.get_by_text("La central no anota a quien no pudo entrar")).to_be_visible()


def test_light_and_dark_follow_the_system_until_somebody_chooses(tab: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    root = tab.locator("html")
    light = tab.evaluate(ground)
    tab.emulate_media(color_scheme="dark")
    expect(root).to_have_attribute("data-mantine-color-scheme", "dark")
    assert tab.evaluate(ground) != light
    tab.get_by_role("button", name="Cambiar entre claro y oscuro").click()
    expect(root).to_have_attribute("data-mantine-color-scheme", "light")
    assert tab.evaluate(ground) == light


def test_the_book_of_the_month_and_what_is_shown_are_saved(tab: Page, sample: Settings) -> None:
    _, in_time, registered = (text.replace(".", "") for text in measured(sample, "2026-10"))
    with tab.expect_download() as saved:
        tab.get_by_role("button", name="Libro del mes (Excel)").click()
    assert saved.value.suggested_filename == "callcenter-2026-10.xlsx"
    book = load_workbook(BytesIO(saved.value.path().read_bytes()))
    cells = {str(cell.value) for row in book["Resumen"].iter_rows() for cell in row}
    assert {in_time, registered, "✗ No cumple"} <= cells
    tab.locator(".panel.trend").get_by_role("button", name="Descargar").click()
    with tab.expect_download() as saved:
        tab.get_by_role("menuitem", name="Imagen").click()
    assert saved.value.path().read_bytes().startswith(b"\x89PNG")
    tab.locator(".panel.by-line").get_by_role("button", name="Descargar").click()
    with tab.expect_download() as saved:
        tab.get_by_role("menuitem", name="CSV").click()
    assert saved.value.suggested_filename == "por-linea_2026-10.csv"
    assert read_back(saved.value.path().read_bytes())[-1][2:5:2] == [registered, in_time]


def test_nothing_is_cut_at_any_width_and_axe_finds_nothing_serious(shown: Page) -> None:
    assert cut_at_any_width(shown) == {}
    for name in ("Qué se cuenta", "Qué no incluyen", "Parámetros vigentes"):
        shown.get_by_role("button", name=name).click()
    shown.get_by_role("button", name="Cómo se cuenta: Abandonadas").click()
    assert serious_in_all_looks(shown) == {}
