"""The page of the service level in Chromium: filters and address, the threshold tried, figures followed to the file."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser, BrowserContext, Download, Page, expect

from dashboard.pages.calls import PAGE_CALLS
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
PATH = "/nivel-de-servicio"


@pytest.fixture(scope="module")
def shown(browser: Browser, browser_context_args: dict[str, Any], address: Served) -> Iterator[Page]:
    """One tab on the page, filled, for the tests that only look; its session is its own."""
    with browser.new_context(**browser_context_args) as own, watched(own, address) as page:
        page.goto(address + PATH)
        expect(page.locator("#sl-heat .heatmaplayer image").first).to_be_visible(timeout=20_000)
        yield page


@pytest.fixture
def tab(window: BrowserContext, address: Served) -> Iterator[Page]:
    """A tab on the page, filled."""
    with watched(window, address) as page:
        page.goto(address + PATH)
        expect(page.locator("#sl-heat .heatmaplayer image").first).to_be_visible(timeout=20_000)
        yield page


def level(sample: Settings, *, threshold: int = 20, **where: str) -> tuple[str, str, str]:
    """The service level of October and its two sides, as the query gives them."""
    _, connection = open_generation(sample.warehouse)
    try:
        rules = Rules.default().trying_threshold(threshold)
        row = query.measure(connection, rules, ["service_level"], month("2026-10"), where=where).iloc[0]
    finally:
        connection.close()
    return percent_text(row["value"]), number_text(row["numerator"]), number_text(row["denominator"])


def test_the_figure_is_that_of_the_query_and_bears_its_denominator(shown: Page, sample: Settings) -> None:
    tab = shown
    value, in_time, registered = level(sample)
    expect(tab.locator("#sl-value")).to_have_text(value)
    headline = tab.locator(".headline")
    expect(headline).to_contain_text(f"{in_time} llamadas atendidas a tiempo (hasta 20 s de espera)")
    expect(headline).to_contain_text(f"de {registered} llamadas registradas")
    expect(headline).to_contain_text("31 de 31 días, 11 de 12 líneas")
    expect(headline.locator(".status")).to_have_text("No cumple")
    expect(tab).to_have_title("Nivel de servicio, octubre de 2026 · Call Center COMTECO")
    expect(tab.locator("#menu a.here")).to_have_text("Nivel de servicio")
    row = tab.locator("#sl-by-line .ag-row", has_text="Telefonía Pública")
    expect(row).to_contain_text("sin registro")


def test_a_line_chosen_stands_in_the_address_and_back_takes_it_away(tab: Page, sample: Settings) -> None:
    tab.locator("#sl-lines").click()
    tab.get_by_role("option", name="101 Reclamos Técnicos").click()
    expect(tab.locator("#sl-value")).to_have_text(level(sample, service="101")[0])
    expect(tab).to_have_url(re.compile(r"\?desde=2026-10-01&hasta=2026-10-31&linea=101$"))
    tab.reload()
    expect(tab.locator("#sl-value")).to_have_text(level(sample, service="101")[0])
    tab.go_back()
    expect(tab.locator("#sl-value")).to_have_text(level(sample)[0])


def test_another_threshold_is_recomputed_and_says_that_it_is_a_trial(tab: Page, sample: Settings) -> None:
    slider = tab.get_by_role("slider", name="Umbral en segundos")
    expect(slider).to_have_attribute("aria-valuenow", "20")
    slider.press("End")
    value, in_time, _ = level(sample, threshold=60)
    expect(tab.locator("#sl-value")).to_have_text(value)
    expect(tab.locator(".headline")).to_contain_text(f"{in_time} llamadas atendidas a tiempo (hasta 60 s de espera)")
    expect(tab.locator(".headline")).to_contain_text("prueba con un umbral de 60 s; no es la cifra del manual.")
    expect(tab).to_have_url(re.compile("umbral=60"))
    expect(tab.locator("#sl-curve")).to_contain_text(f"60 s: {value}")
    slider.press("Home")
    expect(tab.locator("#sl-value")).to_have_text(level(sample, threshold=10)[0])


def test_days_are_typed_and_what_cannot_be_shown_is_told(tab: Page, address: Served) -> None:
    first = tab.locator("#sl-first")
    first.fill("31/02/2026")
    first.press("Enter")
    expect(tab.get_by_text("se escribe 31/10/2026")).to_be_visible()
    first.fill("15/10/2026")
    first.press("Enter")
    expect(tab.locator(".headline h2")).to_contain_text("del 15/10/2026 al 31/10/2026")
    expect(tab.get_by_text("se escribe 31/10/2026")).to_have_count(0)
    tab.goto(f"{address}{PATH}?desde=2027-03-01&hasta=2027-03-31")
    expect(tab.get_by_text("No hay registro de marzo de 2027")).to_be_visible()
    tab.goto(f"{address}{PATH}?umbral=500")
    expect(tab.get_by_text("«500» no es un umbral; va de 10 a 60 segundos.")).to_be_visible()


def saved(tab: Page, part: str, kind: str) -> Download:
    """What a part of the page is saved as."""
    panel = tab.locator(f".panel.{part}")
    panel.get_by_role("button", name="Descargar").click()
    with tab.expect_download() as download:
        tab.get_by_role("menuitem", name=kind).click()
    return download.value


def test_tables_are_saved_as_they_are_shown(tab: Page, sample: Settings) -> None:
    _, in_time, registered = (text.replace(".", "") for text in level(sample))
    file = saved(tab, "by-line", "CSV")
    assert file.suggested_filename == "nivel-de-servicio-por-linea_2026-10-01_2026-10-31.csv"
    rows = read_back(file.path().read_bytes())
    total = dict(zip(rows[0], rows[-1], strict=True))
    assert rows[-1][0] == "Total" and rows[1][:2] == ["101", "Reclamos Técnicos"]
    assert (total["Registradas"], total["A tiempo"]) == (registered, in_time)
    file = saved(tab, "by-line", "Excel")
    assert file.suggested_filename == "nivel-de-servicio-por-linea_2026-10-01_2026-10-31.xlsx"
    sheet = load_workbook(BytesIO(file.path().read_bytes())).active
    assert sheet is not None and [str(sheet.cell(sheet.max_row, at).value) for at in (1, 3)] == ["Total", registered]
    # Of one line: a list of thousands is made by the worker, as test_exports tells.
    number = tab.locator("#sl-by-line .ag-row[row-index='2'] [col-id=answered] a")
    answered = int(number.inner_text().replace(".", ""))
    number.click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Atendidas: ")
    file = saved(tab, "calls", "CSV")
    assert file.suggested_filename == "llamadas_atendidas_2026-10-01_2026-10-31_linea-103.csv"
    assert answered > PAGE_CALLS and len(read_back(file.path().read_bytes())) == answered + 1, (
        "all of them, not only those on the page"
    )


def test_a_chart_is_saved_as_a_picture_with_its_heading(shown: Page) -> None:
    file = saved(shown, "heat", "Imagen")
    assert file.suggested_filename == "sl-heat.png"
    content = file.path().read_bytes()
    assert content.startswith(b"\x89PNG") and int.from_bytes(content[16:20], "big") == 2000


def test_a_figure_is_followed_to_its_calls_and_a_call_to_its_file_and_line(tab: Page) -> None:
    row = tab.locator("#sl-by-line .ag-center-cols-container .ag-row[row-index='0']")
    link = row.locator("[col-id=abandoned] a")
    number = link.inner_text()
    link.click()
    expect(tab.get_by_role("heading", level=1)).to_have_text(f"Abandonadas: {number} llamadas")
    expect(tab.get_by_text("Período: octubre de 2026 · Líneas: 101 Reclamos Técnicos · Unidad")).to_be_visible()
    expect(tab.locator("#calls-list .ag-row")).to_have_count(min(int(number), PAGE_CALLS))
    tab.locator("#calls-list [col-id=callid] a").first.click()
    lines = tab.locator(".events tbody tr")
    expect(lines.first).to_contain_text("queue_log")
    assert lines.count() >= 2
    tab.get_by_role("link", name="Volver a las cifras").click()
    expect(tab.locator("#sl-value")).to_be_visible()
    expect(tab).to_have_url(re.compile("linea=101"))


def test_a_cell_of_the_heat_map_opens_its_calls(tab: Page) -> None:
    box = tab.locator("#sl-heat .heatmaplayer image").first.bounding_box()
    assert box
    tab.mouse.click(box["x"] + box["width"] * 10.7 / 24, box["y"] + box["height"] * 0.5 / 7)
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Registradas: ")
    expect(tab.get_by_text("Día de la semana: lunes · Media hora: 10:30")).to_be_visible()


def test_on_a_phone_a_line_shows_figure_and_verdict_first_and_the_week_goes_by_hours(tab: Page) -> None:
    usual = tab.locator("#sl-by-line .ag-header-container .ag-header-cell")
    expect(usual.first).to_have_attribute("col-id", "name")
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.reload()
    expect(usual.nth(0)).to_have_attribute("col-id", "service_level")
    expect(usual.nth(1)).to_have_attribute("col-id", "verdict")
    expect(tab.locator("#sl-heat")).to_be_hidden()
    tab.locator("#sl-heat-hours").scroll_into_view_if_needed()
    box = tab.locator("#sl-heat-hours .heatmaplayer image").first.bounding_box()
    assert box
    tab.mouse.click(box["x"] + box["width"] * 10.5 / 24, box["y"] + box["height"] * 0.5 / 7)
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Registradas: ")
    expect(tab.get_by_text("Día de la semana: lunes · Hora: 10:00")).to_be_visible()


def test_a_list_is_narrowed_by_its_form_and_paged_through(tab: Page, address: Served) -> None:
    tab.goto(f"{address}/llamadas?mes=2026-10")
    tab.get_by_role("link", name="Siguiente").click()
    expect(tab.get_by_text("Página 2 de")).to_be_visible()
    expect(tab.locator("#calls-list .ag-row")).to_have_count(PAGE_CALLS)
    tab.get_by_role("textbox", name="Causa (abandonadas)").click()
    tab.get_by_role("option", name="colgó").click()
    tab.get_by_role("textbox", name="Línea").click()
    tab.get_by_role("option", name="101 Reclamos Técnicos").click()
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Filtrar").click()
    expect(tab.get_by_role("heading", level=1)).to_contain_text("Abandonadas: ")
    expect(tab.get_by_text("Líneas: 101 Reclamos Técnicos · Causa: colgó")).to_be_visible()
    assert "pagina" not in tab.url
    tab.get_by_role("link", name="Quitar filtros").click()
    expect(tab.get_by_text("Líneas: todas · Unidad: llamada")).to_be_visible()


def test_nothing_is_cut_at_any_width_and_axe_finds_nothing_serious(shown: Page) -> None:
    assert cut_at_any_width(shown) == {}
    assert serious_in_all_looks(shown) == {}
    shown.locator(".figure-link").first.click()
    expect(shown.locator("#calls-list .ag-row").first).to_be_visible()
    assert serious_in_all_looks(shown) == {}
